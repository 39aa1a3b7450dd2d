import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { describe } from 'node:test'
import type { SwitchEvents } from '../../src/socket/switch-events.ts'
import { handshake, initial, short, stun } from './packets.ts'
import { NO_IPV6, PLANES, setUp, until } from './planes.ts'
import { UdpEnd } from './udp-end.ts'

const CLIENT_ID = 'c1c1c1c1c1c1c1c1'

for (const { kind, skip } of PLANES) {
  describe(`the ${kind} data plane`, { skip }, () => {
    for (const [family, address, missing] of [
      ['IPv4', '127.0.0.1', false],
      ['IPv6', '::1', NO_IPV6]
    ] as const) {
      test(`${family}: what is dialled sees the public port, and its answers come back`, { skip: missing }, async t => {
        const { port, peer, dial } = await setUp(t, kind, address)
        const { client, loopbackPort } = await dial()
        const hello = initial({ from: CLIENT_ID })
        client.send(hello, loopbackPort)
        assert.deepEqual(await peer.next(), { bytes: hello, from: { address, port } })
        const answer = handshake({ to: CLIENT_ID })
        peer.send(answer, port)
        assert.deepEqual(await client.next(), { bytes: answer, from: { address: '127.0.0.1', port: loopbackPort } })
      })

      test(`${family}: who dials us reaches the server, which is told who it is`, { skip: missing }, async t => {
        const { packetSwitch, socket, port, engine, peer } = await setUp(t, kind, address)
        const told = new Promise<SwitchEvents['inbound']>(resolve => packetSwitch.events.on('inbound', resolve))
        const hello = initial()
        peer.send(hello, port)
        const { bytes, from } = await engine.next()
        assert.deepEqual(bytes, hello)
        const info = await told
        assert.deepEqual(info.path, { kind: 'udp', socket, remote: peer.endpoint })
        assert.deepEqual(info.loopbackPort, from.port)
        assert.deepEqual(await packetSwitch.accept(from.port), info)
        const answer = short(CLIENT_ID)
        engine.send(answer, from.port)
        assert.deepEqual(await peer.next(), { bytes: answer, from: { address, port } })
      })
    }

    test('packets that come before the loopback socket is open wait, and arrive in order', async t => {
      const { port, engine, peer } = await setUp(t, kind)
      const burst = [initial(), ...Array.from({ length: 19 }, () => handshake({ bytes: 1200 }))]
      for (const bytes of burst) peer.send(bytes, port)
      assert.deepEqual(
        (await engine.take(burst.length)).map(({ bytes }) => bytes),
        burst
      )
    })

    test('a stray packet of another program does not pass for our client', async t => {
      const { port, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort } = await dial()
      const stranger = await UdpEnd.open(t)
      for (const bytes of [short(CLIENT_ID), handshake(), Buffer.alloc(0)]) stranger.send(bytes, loopbackPort)
      const hello = initial({ from: CLIENT_ID })
      client.send(hello, loopbackPort)
      assert.deepEqual((await peer.next()).bytes, hello)
      const answer = handshake({ to: CLIENT_ID })
      peer.send(answer, port)
      assert.deepEqual((await client.next()).bytes, answer)
    })

    test('many datagrams of many lengths come out as they went in, both ways', async t => {
      const { port, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort } = await dial()
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await peer.next()
      const lengths = Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? 30 + i : 1_200))
      const packets = lengths.map(bytes => short(CLIENT_ID, { bytes, greased: bytes % 2 === 1 }))
      for (const bytes of packets) client.send(bytes, loopbackPort)
      for (const { bytes } of await peer.take(packets.length)) peer.send(bytes, port)
      assert.deepEqual(
        (await client.take(packets.length)).map(({ bytes }) => bytes),
        packets
      )
    })

    test('what nobody is waiting for is counted and dropped, and opens nothing', async t => {
      const { packetSwitch, socket, port, engine, peer } = await setUp(t, kind)
      const unknown = [short(CLIENT_ID), handshake(), initial({ bytes: 1_199 }), randomBytes(40), Buffer.alloc(0)]
      unknown.push(Buffer.of(0xc3), Buffer.alloc(1_200, 0xff), stun().subarray(0, 24))
      for (const bytes of unknown) peer.send(bytes, port)
      await until(
        () => packetSwitch.stats(),
        ({ droppedUnknown }) => droppedUnknown === unknown.length
      )
      await packetSwitch.listen(socket, null)
      peer.send(initial(), port)
      const stats = await until(
        () => packetSwitch.stats(),
        ({ droppedNoListener }) => droppedNoListener === 1
      )
      assert.deepEqual([stats.flows, stats.droppedUnknown], [0, unknown.length])
      await packetSwitch.listen(socket, engine.endpoint.port)
      const wanted = initial()
      peer.send(wanted, port)
      assert.deepEqual((await engine.next()).bytes, wanted)
    })

    test('STUN is told with its sender; what only looks like it goes to the flow', async t => {
      const { packetSwitch, socket, port, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort } = await dial()
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await peer.next()
      const told: SwitchEvents['stun'][] = []
      packetSwitch.events.on('stun', event => told.push(event))
      const message = stun()
      const forged = Buffer.from(message)
      forged[27]! ^= 1
      peer.send(message, port)
      peer.send(forged, port)
      assert.deepEqual((await client.next()).bytes, forged)
      await until(
        () => told.length,
        count => count === 1
      )
      assert.deepEqual(told[0], { event: 'stun', socket, from: peer.endpoint, bytes: new Uint8Array(message) })
    })

    test('the client and the server at one address: each gets what is for it', async t => {
      const { port, engine, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort } = await dial()
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await peer.next()
      const [hello, forServer, forClient] = [initial(), handshake(), short(CLIENT_ID)]
      for (const bytes of [hello, forServer, forClient]) peer.send(bytes, port)
      assert.deepEqual(
        (await engine.take(2)).map(({ bytes }) => bytes),
        [hello, forServer]
      )
      assert.deepEqual((await client.next()).bytes, forClient)
    })

    test('a punching dial repeats its first flight by itself', async t => {
      const { packetSwitch, socket, peer } = await setUp(t, kind)
      const { loopbackPort } = await packetSwitch.dial({ kind: 'udp', socket, remote: peer.endpoint }, true)
      const client = await UdpEnd.open(t)
      const hello = initial({ from: CLIENT_ID })
      client.send(hello, loopbackPort)
      // on a busy machine some of the five moments pass in one
      for (const { bytes } of await peer.take(2)) assert.deepEqual(bytes, hello)
    })

    test('one datagram from a public socket; one to the other family is counted as lost', async t => {
      const { packetSwitch, socket, port, peer } = await setUp(t, kind)
      packetSwitch.send(socket, { address: '::1', port: 9 }, Buffer.of(1))
      packetSwitch.send(socket + 1, peer.endpoint, Buffer.of(2))
      packetSwitch.send(socket, peer.endpoint, Buffer.of(3))
      assert.deepEqual(await peer.next(), { bytes: Buffer.of(3), from: { address: '127.0.0.1', port } })
      assert.equal((await packetSwitch.stats()).droppedSend, 2)
    })
  })
}
