import assert from 'node:assert/strict'
import test from 'node:test'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import {
  acquaint,
  addressOf,
  barePeer,
  brief,
  connectOver,
  limited,
  nothingLeft,
  relayNode,
  testPeer,
  until
} from './fixture.ts'
import { begin, bystander, connect, firstAttempt, message, stillWorks } from './stranger.ts'

test('a hundred streams at once: one exchange is served, the others are reset', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ speed: 10 })
  await using stranger = await barePeer(relay)
  const relayed = await connectOver(relay, a.node, stranger)
  const back = stranger.getConnections(a.node.peerId)[0]!
  const streams = await Promise.allSettled(
    Array.from({ length: 100 }, () => back.newStream(DCUTR_PROTOCOL, { ...limited, maxOutboundStreams: 1_000 }))
  )
  await firstAttempt(a)
  const open = streams.filter(result => result.status === 'fulfilled' && result.value.status === 'open')
  assert.ok(open.length <= 1, `${open.length} are open`)
  assert.deepEqual(brief(a.attempts), ['punch-quic failed silent'])
  await stillWorks(relayed)
  await nothingLeft(a)
})

test('a peer that begins nothing: one failed attempt, silent', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ speed: 10 })
  await using stranger = await barePeer(relay)
  const relayed = await connectOver(relay, a.node, stranger)
  assert.equal((await a.upgrade({ node: stranger })).outcome, 'relayed')
  assert.deepEqual(brief(a.attempts), ['punch-quic failed silent'])
  await stillWorks(relayed)
  await nothingLeft(a)
})

test('the relay closes in the middle of the exchange: both sides end at once, with that reason', async () => {
  await using relay = await relayNode()
  await using a = await testPeer()
  await using b = await testPeer({ relay })
  await using stranger = await barePeer()
  await using silent = await barePeer(relay)
  await stranger.handle(DCUTR_PROTOCOL, () => {}, limited)
  await Promise.all([connectOver(relay, stranger, b.node), connectOver(relay, a.node, silent)])
  await begin(silent, a)
  const ends = [b.upgrade({ node: stranger }), a.upgrade({ node: silent })]
  await relay.stop()
  await Promise.all(ends)
  assert.deepEqual(brief(b.attempts), ['punch-quic failed relay-closed', 'reverse skipped peer-not-public'])
  assert.deepEqual(brief(a.attempts), ['punch-quic failed relay-closed'])
  await Promise.all([nothingLeft(a), nothingLeft(b)])
})

test('the relay closes while packets fly: the round goes on, and no other follows', async () => {
  await using relay = await relayNode()
  await using nowhere = await bystander('127.0.202.1')
  await using a = await testPeer({ speed: 5 })
  await acquaint(relay, a)
  await using stranger = await barePeer(relay)
  await connectOver(relay, a.node, stranger)
  const stream = await begin(stranger, a)
  stream.send(Buffer.concat([connect(...nowhere.addresses), message('SYNC')]))
  await until('a packet flies', () => nowhere.heard.handshakes > 0)
  const ended = a.upgrade({ node: stranger })
  await relay.stop()
  assert.equal((await ended).outcome, 'relayed')
  assert.deepEqual(brief(a.attempts), ['punch-quic failed no-answer'])
  await nothingLeft(a)
})

test('a direct connection that carries nothing does not count, and goes', async () => {
  await using relay = await relayNode()
  await using b = await testPeer({ relay, speed: 5 })
  await using stranger = await barePeer()
  await stranger.handle('/ipfs/ping/1.0.0', () => {})
  await stranger.handle(
    DCUTR_PROTOCOL,
    async stream => {
      stream.send(connect(stranger.nat.address.toString()))
      await until('our NAT is opened', () => b.nat.openings > 0)
      const address = b.nat.address.encapsulate(`/p2p/${b.node.peerId}`)
      await stranger.dial(address, { force: true } as object).catch(() => {})
    },
    limited
  )
  const relayed = await connectOver(relay, stranger, b.node)
  await firstAttempt(b)
  assert.equal(brief(b.attempts)[0], 'punch-quic failed unproven')
  await until('the direct connection is gone', () => b.node.getConnections(stranger.peerId).every(each => !each.direct))
  await stillWorks(relayed)
})

test('another peer answers at the address: wrong-peer, and nothing is sent to it but a handshake', async () => {
  await using relay = await relayNode()
  await using other = await barePeer(undefined, 'public')
  await using a = await testPeer({ speed: 5 })
  await acquaint(relay, a)
  await using stranger = await barePeer(relay)
  const relayed = await connectOver(relay, a.node, stranger)
  const stream = await begin(stranger, a)
  stream.send(Buffer.concat([connect(other.nat.address.toString()), message('SYNC')]))
  await firstAttempt(a)
  assert.deepEqual(brief(a.attempts), ['punch-quic failed wrong-peer'])
  assert.equal(a.node.getConnections(other.peerId).length, 0)
  await stillWorks(relayed)
})

test('streams over direct connections are refused', async () => {
  await using a = await testPeer({ door: 'public', announces: true })
  await using stranger = await barePeer()
  const direct = await stranger.dial(addressOf(a.node))
  const stream = await direct.newStream(DCUTR_PROTOCOL)
  await until('the reset', () => stream.status !== 'open')
  assert.deepEqual(a.attempts, [])
})
