import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../src/core/random.ts'
import type { EngineConnection, EngineStream } from '../../src/libp2p/quic/engine.ts'
import type { SwitchEvents } from '../../src/socket/switch-events.ts'
import { DatagramReader, frame } from '../../src/wire/datagrams.ts'
import { type Carry, connectOver, join, openSide, pathTo, type Side } from './joined.ts'
import { initial, short, stun } from './packets.ts'
import { descriptors, NO_PROC, PLANES, setUp, until } from './planes.ts'
import { UdpEnd } from './udp-end.ts'

const CLIENT_ID = 'c1c1c1c1c1c1c1c1'
const BLOCK_BYTES = 16 * 1024

/** Cuts what it carries at random places, and delivers it in order. */
function cutting(seed: number): Carry {
  const random = seededRandom(seed)
  return (bytes, arrive) => {
    for (let at = 0; at < bytes.length; ) {
      const end = at + random.int(1, 3_000)
      arrive(bytes.subarray(at, end))
      at = end
    }
  }
}

/** Blocks that say where in the stream they are. */
const block = (index: number) => {
  const bytes = Buffer.alloc(BLOCK_BYTES, index & 0xff)
  bytes.writeUInt32BE(index)
  return bytes
}

/** Sends such blocks and holds each against what it has to be. `progress` tells how many have arrived. */
function transfer(outbound: EngineConnection, inbound: EngineConnection) {
  const state = { arrived: 0, stop: false }
  const send = async () => {
    const stream: EngineStream = await outbound.outboundStream()
    let index = 0
    for (; !state.stop; index++) await stream.write(block(index))
    await stream.finishWrite()
    return index
  }
  const receive = async () => {
    const stream = await inbound.inboundStream()
    let rest = Buffer.alloc(0)
    for (let chunk = await stream.read(65_536); chunk != null; chunk = await stream.read(65_536)) {
      rest = Buffer.concat([rest, chunk])
      for (; rest.length >= BLOCK_BYTES; rest = rest.subarray(BLOCK_BYTES)) {
        assert.ok(rest.subarray(0, BLOCK_BYTES).equals(block(state.arrived)), `block ${state.arrived}`)
        state.arrived++
      }
    }
    assert.equal(rest.length, 0)
    return state.arrived
  }
  return { state, done: Promise.all([send(), receive()]) }
}

for (const { kind, skip } of PLANES) {
  describe(`the ${kind} data plane`, { skip }, () => {
    test('what a client sends by a pipe comes in frames; what is framed, however it is cut, comes to the client', async t => {
      const { packetSwitch } = await setUp(t, kind)
      const pipe = packetSwitch.newPipe()
      const { loopbackPort } = await packetSwitch.dial({ kind: 'pipe', pipe })
      const client = await UdpEnd.open(t)
      const reader = new DatagramReader()
      const carried: Buffer[] = []
      packetSwitch.events.on('pipe', event => {
        assert.equal(event.pipe, pipe)
        for (const bytes of reader.push(event.bytes)) carried.push(Buffer.from(bytes))
      })
      const lengths = Array.from({ length: 200 }, (_, i) => (i % 10 === 9 ? 30 + i : 1_200))
      const packets = [initial(), ...lengths.map(bytes => short(CLIENT_ID, { bytes, greased: bytes % 2 === 1 }))]
      for (const bytes of packets) client.send(bytes, loopbackPort)
      await until(
        () => carried.length,
        count => count === packets.length
      )
      assert.deepEqual(carried, packets)
      cutting(7)(Buffer.concat(packets.map(frame)), bytes => packetSwitch.fromPipe(pipe, bytes))
      assert.deepEqual(
        (await client.take(packets.length)).map(({ bytes }) => bytes),
        packets
      )
    })

    test('STUN by a pipe is told with the pipe, whatever the pipe is for, and is not told as of a socket', async t => {
      const { packetSwitch } = await setUp(t, kind)
      packetSwitch.events.on('stun', () => assert.fail('it came by no socket'))
      const told: SwitchEvents['pipe-stun'][] = []
      packetSwitch.events.on('pipe-stun', event => told.push(event))
      const pipe = packetSwitch.newPipe()
      const [first, second] = [stun(), stun()]
      packetSwitch.fromPipe(pipe, frame(first))
      await packetSwitch.dial({ kind: 'pipe', pipe })
      packetSwitch.fromPipe(pipe, frame(second))
      await until(
        () => told.length,
        count => count === 2
      )
      assert.deepEqual(told, [
        { event: 'pipe-stun', pipe, bytes: new Uint8Array(first) },
        { event: 'pipe-stun', pipe, bytes: new Uint8Array(second) }
      ])
    })

    test('bytes that are no frames break the pipe, and nothing else', async t => {
      const { packetSwitch } = await setUp(t, kind)
      const pipe = packetSwitch.newPipe()
      const { flow } = await packetSwitch.dial({ kind: 'pipe', pipe })
      const broken = new Promise<SwitchEvents['pipe-broken']>(resolve => packetSwitch.events.on('pipe-broken', resolve))
      packetSwitch.fromPipe(pipe, Buffer.alloc(100))
      assert.equal((await broken).pipe, pipe)
      packetSwitch.fromPipe(pipe, frame(stun()))
      packetSwitch.closePipe(pipe)
      const { flows, pipes, admitted, stun: heard } = await packetSwitch.stats()
      assert.deepEqual([flows, pipes, admitted, heard], [1, 0, 0, 0])
      const other = packetSwitch.newPipe()
      assert.equal(await packetSwitch.move(flow, { kind: 'pipe', pipe: other }), true)
      assert.equal(await packetSwitch.move(flow, { kind: 'pipe', pipe }), false)
    })

    test('a flow hears by all of its paths, and sends by one, or by two', async t => {
      const { packetSwitch, socket, port, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort, flow } = await dial()
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await peer.next()
      const pipe = packetSwitch.newPipe()
      const carried: Buffer[] = []
      packetSwitch.events.on('pipe', ({ bytes }) => carried.push(Buffer.from(bytes)))
      const elsewhere = await UdpEnd.open(t)
      const there = { kind: 'udp', socket, remote: elsewhere.endpoint } as const
      const here = { kind: 'udp', socket, remote: peer.endpoint } as const

      assert.equal(await packetSwitch.move(flow, { kind: 'pipe', pipe }), true)
      assert.equal(await packetSwitch.admit(flow, there), true)
      const [fromPeer, fromElsewhere, fromPipe] = [1, 2, 3].map(() => short(CLIENT_ID)) as [Buffer, Buffer, Buffer]
      for (const [bytes, send] of [
        [fromPeer, () => peer.send(fromPeer, port)],
        [fromElsewhere, () => elsewhere.send(fromElsewhere, port)],
        [fromPipe, () => packetSwitch.fromPipe(pipe, frame(fromPipe))]
      ] as const) {
        send()
        assert.deepEqual((await client.next()).bytes, bytes)
      }

      // two addresses at once, with what GRO joins and with STUN in between
      assert.equal(await packetSwitch.move(flow, there, { also: here }), true)
      const both = Array.from({ length: 40 }, (_, i) => short(CLIENT_ID, { bytes: i % 7 === 6 ? 60 : 1_200 }))
      for (const bytes of both) client.send(bytes, loopbackPort)
      for (const end of [peer, elsewhere]) {
        const arrived = await end.take(both.length)
        assert.deepEqual(
          arrived.map(({ bytes }) => bytes),
          both
        )
        assert.equal(arrived[0]?.from.port, port)
      }
      // a pipe first, an address second, and the other way round
      for (const [first, second] of [
        [{ kind: 'pipe', pipe } as const, there],
        [there, { kind: 'pipe', pipe } as const]
      ] as const) {
        carried.length = 0
        assert.equal(await packetSwitch.move(flow, first, { also: second }), true)
        for (const bytes of both) client.send(bytes, loopbackPort)
        assert.deepEqual(
          (await elsewhere.take(both.length)).map(({ bytes }) => bytes),
          both
        )
        await until(
          () => new DatagramReader().push(Buffer.concat(carried)).length,
          count => count === both.length
        )
        assert.deepEqual(new DatagramReader().push(Buffer.concat(carried)).map(Buffer.from), both)
      }
      assert.deepEqual(
        [(await packetSwitch.stats()).mirrored, (await packetSwitch.stats()).droppedSend],
        [3 * both.length, 0]
      )

      packetSwitch.dismiss(flow, here)
      // an answer to what was asked after it: it has been done
      await packetSwitch.stats()
      peer.send(fromPeer, port)
      await until(
        () => packetSwitch.stats(),
        ({ droppedUnknown }) => droppedUnknown === 1
      )
    })

    test('what is held leaves in order, and nothing leaves before its time', async t => {
      const { packetSwitch, socket, peer } = await setUp(t, kind)
      const pipe = packetSwitch.newPipe()
      const { flow, loopbackPort } = await packetSwitch.dial({ kind: 'pipe', pipe })
      const client = await UdpEnd.open(t)
      const carried = new Promise(resolve => packetSwitch.events.on('pipe', resolve))
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await carried
      const movedMs = performance.now()
      await packetSwitch.move(flow, { kind: 'udp', socket, remote: peer.endpoint }, { holdMs: 100 })
      const packets = Array.from({ length: 100 }, (_, i) => short(CLIENT_ID, { bytes: i % 3 === 0 ? 80 : 1_000 }))
      for (const bytes of packets.slice(0, 50)) client.send(bytes, loopbackPort)
      const first = await peer.next()
      const tookMs = performance.now() - movedMs
      for (const bytes of packets.slice(50)) client.send(bytes, loopbackPort)
      const arrived = [first, ...(await peer.take(99))]
      assert.deepEqual(
        arrived.map(({ bytes }) => bytes),
        packets
      )
      assert.ok(tookMs >= 99, `${tookMs} ms`)
      assert.ok((await packetSwitch.stats()).held >= 50)
    })

    test('traffic of a flow that is watched is told by path', async t => {
      const { packetSwitch, socket, port, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort, flow } = await dial()
      packetSwitch.watch(flow, true)
      // an answer to what was asked after it: it counts from now on
      await packetSwitch.stats()
      const sum = { sent: 0, heard: new Map<string, number>() }
      packetSwitch.events.on('traffic', event => {
        assert.equal(event.flow, flow)
        assert.ok(event.sent > 0 || event.heard.length > 0)
        sum.sent += event.sent
        for (const { path, count } of event.heard) {
          const key = JSON.stringify(path)
          sum.heard.set(key, (sum.heard.get(key) ?? 0) + count)
        }
      })
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await peer.next()
      const pipe = packetSwitch.newPipe()
      await packetSwitch.admit(flow, { kind: 'pipe', pipe })
      for (let i = 0; i < 20; i++) peer.send(short(CLIENT_ID, { bytes: 1_000 }), port)
      for (let i = 0; i < 5; i++) packetSwitch.fromPipe(pipe, frame(short(CLIENT_ID)))
      await client.take(25)
      for (let i = 0; i < 10; i++) client.send(short(CLIENT_ID, { bytes: 1_000 }), loopbackPort)
      await peer.take(10)
      await until(
        () => sum.sent,
        sent => sent >= 11
      )
      assert.equal(sum.sent, 11)
      assert.deepEqual(
        [...sum.heard].map(([key, count]) => [JSON.parse(key), count]),
        [
          [{ kind: 'udp', socket, remote: peer.endpoint }, 20],
          [{ kind: 'pipe', pipe }, 5]
        ]
      )
    })

    for (const where of ['the dialler', 'both sides'] as const) {
      test(`a QUIC connection over a pipe, whose path changes under a transfer at ${where}: not a byte lost`, async t => {
        const [one, other] = [await openSide(t, kind), await openSide(t, kind)]
        const pipes = join(one, other, cutting(11))
        const reader = new DatagramReader()
        let longest = 0
        one.packetSwitch.events.on('pipe', ({ bytes }) => {
          for (const { length } of reader.push(bytes)) longest = Math.max(longest, length)
        })
        const { outbound, inbound, dialled, served, accepted } = await connectOver(t, one, other, pipes)
        assert.deepEqual(accepted, served)
        const { state, done } = transfer(outbound, inbound)
        const moves = ways(one, other, pipes, dialled.flow, served.flow, where)
        for (let round = 0; round < 6; round++) {
          const before = state.arrived
          await until(
            () => state.arrived,
            count => count >= before + 20
          )
          for (const move of moves) await move(round)
        }
        state.stop = true
        const [sent, received] = await done
        assert.equal(received, sent)
        assert.ok(sent >= 120)
        // the engine does not look for more than every path carries (RFC 9000 section 14); if it did, it would find it on a pipe
        assert.equal(longest, 1_200)
        const stats = await one.packetSwitch.stats()
        assert.ok(stats.mirrored > 0 && stats.held > 0, JSON.stringify(stats))
        assert.deepEqual([stats.flows, stats.droppedUnknown, stats.droppedSend], [1, 0, 0])
        outbound.abort()
        await Promise.all([one.packetSwitch.release(dialled.flow, true), other.packetSwitch.release(served.flow, true)])
        await other.packetSwitch.release(served.flow, true)
        for (const { packetSwitch } of [one, other]) {
          const { flows, admitted, pipes: open } = await packetSwitch.stats()
          assert.deepEqual([flows, admitted, open], [0, 0, 1])
        }
      })
    }

    test('two links between the same two addresses, one dialled by each side: not a byte is lost', async t => {
      const [one, other] = [await openSide(t, kind), await openSide(t, kind)]
      const transfers = []
      for (const [dialler, listener] of [
        [one, other],
        [other, one]
      ] as const) {
        const { outbound, inbound, dialled, served } = await connectOver(t, dialler, listener, join(dialler, listener))
        const ends = [
          [listener.packetSwitch, served.flow, pathTo(listener, dialler)],
          [dialler.packetSwitch, dialled.flow, pathTo(dialler, listener)]
        ] as const
        // each is ready to hear before the other speaks
        for (const [packetSwitch, flow, path] of ends) assert.equal(await packetSwitch.admit(flow, path), true)
        for (const [packetSwitch, flow, path] of ends) assert.equal(await packetSwitch.move(flow, path), true)
        transfers.push(transfer(outbound, inbound))
      }
      for (const { state } of transfers) {
        await until(
          () => state.arrived,
          count => count >= 50
        )
        state.stop = true
      }
      for (const { done } of transfers) {
        const [sent, received] = await done
        assert.equal(received, sent)
      }
      for (const { packetSwitch } of [one, other]) {
        const { flows, admitted, droppedUnknown } = await packetSwitch.stats()
        assert.deepEqual([flows, admitted, droppedUnknown], [2, 4, 0])
      }
    })

    test('a thousand moves: nothing stays behind', { skip: NO_PROC }, async t => {
      const { packetSwitch, socket, peer } = await setUp(t, kind)
      const first = packetSwitch.newPipe()
      const { flow, loopbackPort } = await packetSwitch.dial({ kind: 'pipe', pipe: first })
      const client = await UdpEnd.open(t)
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      const before = descriptors()
      let last = { kind: 'pipe', pipe: first } as Parameters<typeof packetSwitch.move>[1]
      for (let i = 0; i < 1_000; i++) {
        const next =
          i % 2 === 0
            ? ({ kind: 'udp', socket, remote: { ...peer.endpoint, port: 10_000 + i } } as const)
            : ({ kind: 'pipe', pipe: packetSwitch.newPipe() } as const)
        assert.equal(await packetSwitch.move(flow, next, { also: last, holdMs: i % 3 }), true)
        client.send(short(CLIENT_ID), loopbackPort)
        packetSwitch.dismiss(flow, last)
        if (last.kind === 'pipe') packetSwitch.closePipe(last.pipe)
        last = next
      }
      const { flows, admitted, pipes } = await packetSwitch.stats()
      assert.deepEqual([flows, admitted, pipes], [1, 1, 1])
      // other tests' engines may still be closing theirs
      await until(descriptors, count => count <= before)
      await packetSwitch.release(flow, true)
      assert.deepEqual((await packetSwitch.stats()).admitted, 0)
    })
  })
}

/** The ways in which the path of a link changes: each is called with the number of the round. */
function ways(one: Side, other: Side, [here, there]: [number, number], dialled: number, served: number, where: string) {
  const direct = pathTo(one, other)
  const back = pathTo(other, one)
  const pipe = { kind: 'pipe', pipe: here } as const
  const farPipe = { kind: 'pipe', pipe: there } as const
  return [
    async () => {
      // each is ready to hear before the other speaks
      assert.equal(await other.packetSwitch.admit(served, back), true)
      assert.equal(await one.packetSwitch.admit(dialled, direct), true)
    },
    async (round: number) => {
      const options = round % 2 === 0 ? { also: pipe } : { holdMs: 20 }
      assert.equal(await one.packetSwitch.move(dialled, direct, options), true)
      if (where === 'both sides') assert.equal(await other.packetSwitch.move(served, back, { holdMs: 10 }), true)
      await delay(20)
      assert.equal(await one.packetSwitch.move(dialled, direct), true)
    },
    async (round: number) => {
      if (round % 2 === 1) return
      assert.equal(await one.packetSwitch.move(dialled, pipe, { also: direct }), true)
      if (where === 'both sides') assert.equal(await other.packetSwitch.move(served, farPipe), true)
    }
  ]
}
