import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { initial } from './packets.ts'
import { descriptors, NO_PROC, PLANES, setUp, until } from './planes.ts'

/** As many as one attempt opens (traversal/techniques/birthday-opening.ts). */
const SOCKETS = 256
const ROUNDS = 50

for (const { kind, skip } of PLANES) {
  describe(`the ${kind} data plane`, { skip }, () => {
    test(`${SOCKETS} further sockets, ${ROUNDS} times: none is left behind`, { skip: NO_PROC }, async t => {
      const { packetSwitch, peer } = await setUp(t, kind)
      const heard = new Set<number>()
      packetSwitch.events.on('stun', ({ socket }) => heard.add(socket))
      const before = descriptors()
      for (let round = 0; round < ROUNDS; round++) {
        const more = await Promise.all(Array.from({ length: SOCKETS }, () => packetSwitch.bind('0.0.0.0', 0)))
        assert.equal(new Set(more.map(({ port }) => port)).size, SOCKETS)
        // one of them is used each time
        const { socket, port } = more[round]!
        peer.send(BINDING, port)
        await until(
          () => heard.has(socket),
          is => is
        )
        await Promise.all(more.map(each => packetSwitch.unbind(each.socket)))
      }
      await until(descriptors, count => count === before)
    })

    test('a path by a further socket carries a flow, and the socket is closed under it', async t => {
      const { packetSwitch, socket, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort, flow } = await dial()
      client.send(initial(), loopbackPort)
      await peer.next()
      const further = await packetSwitch.bind('127.0.0.1', 0)
      const path = { kind: 'udp', socket: further.socket, remote: peer.endpoint } as const
      assert.equal(await packetSwitch.admit(flow, path), true)
      assert.equal(await packetSwitch.move(flow, path), true)
      client.send(initial(), loopbackPort)
      assert.equal((await peer.next()).from.port, further.port)
      await packetSwitch.unbind(further.socket)
      client.send(initial(), loopbackPort)
      assert.equal(await packetSwitch.move(flow, { kind: 'udp', socket, remote: peer.endpoint }), true)
      client.send(initial(), loopbackPort)
      assert.notEqual((await peer.next()).from.port, further.port)
    })
  })
}

/** A STUN request (RFC 8489 section 5), which is told to the main thread. */
const BINDING = Buffer.from('000100002112a442000102030405060708090a0b', 'hex')
