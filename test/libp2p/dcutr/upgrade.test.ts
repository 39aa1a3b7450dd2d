import assert from 'node:assert/strict'
import test from 'node:test'
import { OPENING, OPENING_ALLOWANCE } from '../../../src/traversal/opening.ts'
import { brief, connectOver, countingClock, fastClock, relayNode, type TestPeer, testPeer, until } from './fixture.ts'

const upgrade = (from: TestPeer, to: TestPeer) => from.node.services.dcutr.upgrade(to.node.peerId)

test('two natted peers: relayed, then punched; both report it, the relay goes once idle', async () => {
  await using relay = await relayNode()
  await using a = await testPeer()
  await using b = await testPeer({ relay })
  const relayed = await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([upgrade(a, b), upgrade(b, a)])
  assert.equal(mine.outcome, 'direct')
  assert.equal(theirs.outcome, 'direct')
  assert.deepEqual(brief(a.attempts), ['punch-quic ok connected'])
  assert.deepEqual(brief(b.attempts), ['punch-quic ok connected', 'reverse skipped peer-not-public'])
  assert.equal(a.firewall.sent.length, 0, 'the client sends no opening packets')
  assert.ok(b.firewall.sent.length >= 1)
  assert.deepEqual(
    b.firewall.dials.filter(({ punch }) => punch),
    [],
    'the server does not dial'
  )
  assert.equal(relayed.status, 'open', 'the relayed connection outlives the upgrade')
  await until('the relayed connection is closed', () => relayed.status !== 'open')
  assert.equal(a.node.getConnections(b.node.peerId).length, 1)
})

test('a stream on the relayed connection is left alone, and the owner hears which connections he may close', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ options: { closeRelay: 'never' } })
  await using b = await testPeer({ relay })
  const direct: string[] = []
  a.node.services.dcutr.events.on('direct', ({ technique, side, relayed }) =>
    direct.push(`${technique} ${side} ${relayed.length}`)
  )
  await b.node.handle(
    '/test/talk',
    stream => void stream.addEventListener('message', ({ data }) => stream.send(data)),
    {
      runOnLimitedConnection: true
    }
  )
  const relayed = await connectOver(relay, a.node, b.node)
  const stream = await relayed.newStream('/test/talk', { runOnLimitedConnection: true })
  assert.equal((await upgrade(a, b)).outcome, 'direct')
  await new Promise(resolve => setTimeout(resolve, 3_500))
  assert.equal(relayed.status, 'open')
  const echo = new Promise<string>(resolve =>
    stream.addEventListener('message', ({ data }) => resolve(Buffer.from(data.subarray()).toString()))
  )
  stream.send(Buffer.from('still here'))
  assert.equal(await echo, 'still here')
  assert.deepEqual(direct, ['punch-quic receiver 1'])
})

test('the other side is public: connection reversal wins, no SYNC is sent, nothing is punched', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ door: 'public', announces: true })
  await using b = await testPeer({ relay })
  await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([upgrade(a, b), upgrade(b, a)])
  assert.equal(theirs.outcome === 'direct' && theirs.technique, 'reverse')
  assert.equal(mine.outcome === 'direct' && mine.connection.direction, 'inbound')
  assert.ok(brief(b.attempts).includes('reverse ok connected'), String(brief(b.attempts)))
  assert.ok(b.firewall.dials.some(({ punch }) => !punch))
})

test('announced, but not reachable: the punch follows after a short head start', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ door: 'silent', announces: true })
  await using b = await testPeer({ relay })
  await connectOver(relay, a.node, b.node)
  const startMs = performance.now()
  const [mine, theirs] = await Promise.all([upgrade(a, b), upgrade(b, a)])
  assert.ok(performance.now() - startMs < 1_500)
  assert.equal(mine.outcome === 'direct' && mine.technique, 'punch-quic')
  assert.equal(theirs.outcome === 'direct' && theirs.technique, 'punch-quic')
  assert.deepEqual(brief(b.attempts), ['punch-quic ok connected', 'reverse skipped already-direct'])
})

test('nobody gets through: three rounds, the last with roles swapped, the relayed connection stays', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ door: 'silent', options: { clock: fastClock(5) } })
  await using b = await testPeer({ relay, door: 'silent', options: { clock: fastClock(5) } })
  const relayed = await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([upgrade(a, b), upgrade(b, a)])
  assert.equal(mine.outcome, 'relayed')
  assert.equal(theirs.outcome, 'relayed')
  assert.deepEqual(brief(a.attempts), Array(3).fill('punch-quic failed no-answer'))
  assert.deepEqual(brief(b.attempts), [
    ...Array(3).fill('punch-quic failed no-answer'),
    'reverse skipped peer-not-public'
  ])
  assert.deepEqual(b.attempts.map(({ detail }) => detail?.split(':')[0]).slice(0, 3), [
    'round 1 of 3',
    'round 2 of 3',
    'round 3 of 3'
  ])
  const sentTo = Map.groupBy(b.firewall.sent, ({ to }) => to.toString())
  for (const packets of sentTo.values()) assert.ok(packets.length <= 2 * OPENING.packetsPerAddress)
  // ten, and what comes back to the allowance in the ten seconds of two rounds
  assert.ok(b.firewall.sent.length <= OPENING_ALLOWANCE.burst + 2, String(b.firewall.sent.length))
  assert.ok(
    b.firewall.dials.some(({ punch }) => punch),
    'the initiator dials in the third'
  )
  assert.equal(relayed.status, 'open')
  assert.equal((await relayed.newStream('/ipfs/ping/1.0.0', { runOnLimitedConnection: true })).status, 'open')
})

test('a peer with swapped roles (go-libp2p up to 0.40) is met in the third round', async () => {
  await using relay = await relayNode()
  // A dials in vain as if it did not dial, and lets in only what comes after its own dial: what such a peer's NAT does
  await using a = await testPeer({ door: 'natted', options: { clock: fastClock(5) } })
  await using b = await testPeer({ relay, door: 'silent', options: { clock: fastClock(5) } })
  await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([upgrade(a, b), upgrade(b, a)])
  assert.equal(theirs.outcome === 'direct' && theirs.connection.direction, 'outbound')
  assert.equal(mine.outcome === 'direct' && mine.connection.direction, 'inbound')
  assert.deepEqual(brief(b.attempts), [
    ...Array(2).fill('punch-quic failed no-answer'),
    'punch-quic ok connected',
    'reverse skipped peer-not-public'
  ])
})

test('both dial each other over the relay at the same time: one exchange, both direct', async () => {
  await using relay = await relayNode()
  for (let i = 0; i < 6; i++) {
    await using a = await testPeer({ relay })
    await using b = await testPeer({ relay })
    await Promise.all([connectOver(relay, a.node, b.node), connectOver(relay, b.node, a.node)])
    const startMs = performance.now()
    const [mine, theirs] = await Promise.all([upgrade(a, b), upgrade(b, a)])
    assert.ok(performance.now() - startMs < 2_000)
    assert.deepEqual([mine.outcome, theirs.outcome], ['direct', 'direct'])
    const punches = [...a.attempts, ...b.attempts].filter(({ technique }) => technique === 'punch-quic')
    assert.deepEqual(brief(punches), Array(2).fill('punch-quic ok connected'))
  }
})

test('upgrade(): at once when direct, an error when there is no connection, the signal ends the wait', async () => {
  await using a = await testPeer({ door: 'public', announces: true })
  await using b = await testPeer({ announces: true })
  await assert.rejects(upgrade(a, b), { code: 'LINK_CLOSED' })
  await b.node.dial(a.node.getMultiaddrs()[0]!)
  const { outcome, attempts } = await upgrade(b, a)
  assert.deepEqual({ outcome, attempts }, { outcome: 'direct', attempts: [] })
  const signal = AbortSignal.abort(new Error('enough'))
  await assert.rejects(b.node.services.dcutr.upgrade(a.node.peerId, { signal }), { message: 'enough' })
})

test('both sides without an own address: skipped with that reason', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ options: { allowPrivate: false } })
  await using b = await testPeer({ relay, options: { allowPrivate: false } })
  const relayed = await connectOver(relay, a.node, b.node)
  const { outcome } = await upgrade(b, a)
  assert.equal(outcome, 'relayed')
  assert.deepEqual(brief(b.attempts), ['punch-quic skipped no-own-address', 'reverse skipped peer-not-public'])
  assert.equal(relayed.status, 'open')
})

test('stopping in the middle of a round: the attempt is aborted, and nothing is left behind', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ door: 'silent' })
  const b = await testPeer({ relay, door: 'silent' })
  await connectOver(relay, a.node, b.node)
  await until('opening packets fly', () => b.firewall.sent.length > 0)
  const ended = upgrade(b, a)
  await b.node.stop()
  assert.equal((await ended).outcome, 'relayed')
  assert.deepEqual(brief(b.attempts), ['punch-quic failed aborted', 'reverse skipped peer-not-public'])
  const sent = b.firewall.sent.length
  await new Promise(resolve => setTimeout(resolve, 500))
  assert.equal(b.firewall.sent.length, sent)
})

test('twenty upgrades leave no timer, no listener and no stream behind', async () => {
  await using relay = await relayNode()
  const clock = countingClock()
  const b = await testPeer({ relay, options: { clock } })
  const { events } = (b.node as unknown as { components: { events: { listenerCount(type: string): number } } })
    .components
  const listeners = () =>
    ['connection:open', 'connection:close', 'peer:identify'].map(type => events.listenerCount(type))
  const before = listeners()
  for (let i = 0; i < 20; i++) {
    await using a = await testPeer({ door: i % 4 === 0 ? 'public' : 'natted', announces: i % 4 === 0 })
    await connectOver(relay, a.node, b.node)
    assert.equal((await upgrade(b, a)).outcome, 'direct')
    const streams = b.node.getConnections(a.node.peerId).flatMap(connection => connection.streams)
    assert.ok(streams.filter(({ protocol }) => protocol === '/libp2p/dcutr').length === 0)
  }
  assert.deepEqual(listeners(), before)
  await until('the peers are gone', () =>
    b.node.getConnections().every(({ remotePeer }) => remotePeer.equals(relay.peerId))
  )
  await b.node.stop()
  await until('all timers are gone', () => clock.pending === 0, 1_000)
  assert.equal(b.attempts.length, 40)
})
