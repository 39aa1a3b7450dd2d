import assert from 'node:assert/strict'
import test from 'node:test'
import { punchable, punchers } from '../../../src/libp2p/punchable.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { barePeer, brief, connectOver, internalsOf, limited, relayNode, testPeer, until } from './fixture.ts'
import { framesOf } from './stranger.ts'

test('a peer with swapped roles (go-libp2p up to 0.40) is met in the third round', async () => {
  await using relay = await relayNode()
  await using a = await barePeer()
  await using b = await testPeer({ relay, speed: 5 })
  const [transport] = punchers(internalsOf(a).transportManager.getTransports())
  await a.handle(
    DCUTR_PROTOCOL,
    async stream => {
      const frames = framesOf(stream)
      const signal = AbortSignal.timeout(5_000)
      await frames.read(signal)
      frames.send({ type: 'CONNECT', observedAddresses: [a.nat.address.bytes] })
      await frames.read(signal)
      transport?.[punchable].sendDatagram?.(Uint8Array.of(4, 5, 6), b.nat.address)
    },
    limited
  )
  await connectOver(relay, a, b.node)
  const upgrade = await b.upgrade(a)
  assert.equal(upgrade.outcome === 'direct' && upgrade.connection.direction, 'outbound')
  assert.deepEqual(brief(b.attempts), [
    ...Array(2).fill('punch-quic failed no-answer'),
    'punch-quic ok connected',
    'reverse skipped peer-not-public'
  ])
  assert.ok(a.nat.openings > 0 && !a.nat.dials.some(({ to }) => to.toString().includes(b.nat.address.toString())))
})

test('a reversal under way holds the SYNC back: it wins, no SYNC is sent, nothing is punched', async () => {
  await using relay = await relayNode()
  await using a = await barePeer(undefined, 'public')
  // a head start of 50 ms lasts half a second, so that a busy machine does not decide
  await using b = await testPeer({ relay, speed: 0.1 })
  const after = Promise.withResolvers<string>()
  await a.handle(
    DCUTR_PROTOCOL,
    async stream => {
      const frames = framesOf(stream)
      const signal = AbortSignal.timeout(5_000)
      await frames.read(signal)
      await until('the reversal', () =>
        b.nat.dials.some(({ to }) => to.toString().startsWith(a.nat.address.toString()))
      )
      frames.send({ type: 'CONNECT', observedAddresses: [a.nat.address.bytes] })
      frames.read(signal).then(
        ({ type }) => after.resolve(type),
        () => after.resolve('the end')
      )
    },
    limited
  )
  await connectOver(relay, a, b.node)
  const upgrade = await b.upgrade({ node: a })
  assert.equal(upgrade.outcome === 'direct' && upgrade.technique, 'reverse')
  assert.ok(brief(b.attempts).includes('reverse ok connected'), String(brief(b.attempts)))
  assert.equal(await after.promise, 'the end')
  assert.equal(b.nat.openings, 0)
})

test('the relayed connection closes in the middle, and there is another: the upgrade goes on over that one', async () => {
  await using relay = await relayNode()
  await using a = await barePeer()
  await using b = await testPeer({ relay })
  let exchanges = 0
  await a.handle(
    DCUTR_PROTOCOL,
    async (stream, connection) => {
      if (++exchanges === 1) {
        connection.abort(new Error('this one goes'))
        return
      }
      const frames = framesOf(stream)
      const signal = AbortSignal.timeout(5_000)
      await frames.read(signal)
      frames.send({ type: 'CONNECT', observedAddresses: [a.nat.address.bytes] })
      await frames.read(signal)
      await until('their NAT is open', () => b.nat.openings > 0)
      await internalsOf(a).transportManager.dial(b.nat.address.encapsulate(`/p2p/${b.node.peerId}`))
    },
    limited
  )
  await Promise.all([connectOver(relay, a, b.node), connectOver(relay, a, b.node)])
  assert.equal((await b.upgrade({ node: a })).outcome, 'direct')
  assert.deepEqual(
    brief(b.attempts).filter(each => each.startsWith('punch')),
    ['punch-quic failed relay-closed', 'punch-quic ok connected']
  )
})
