import assert from 'node:assert/strict'
import test from 'node:test'
import { OPENING, OPENING_ALLOWANCE } from '../../../src/traversal/opening.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { addressOf, brief, connectOver, limited, nothingLeft, relayNode, testPeer, until } from './fixture.ts'

test('two natted peers: relayed, then punched; both report it, the relay goes once idle', async () => {
  await using relay = await relayNode()
  await using a = await testPeer()
  await using b = await testPeer({ relay })
  const relayed = await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([a.upgrade(b), b.upgrade(a)])
  assert.equal(mine.outcome, 'direct')
  assert.equal(theirs.outcome, 'direct')
  assert.deepEqual(brief(a.attempts), ['punch-quic ok connected'])
  assert.deepEqual(brief(b.attempts), ['punch-quic ok connected', 'reverse skipped peer-not-public'])
  assert.equal(a.nat.openings, 0, 'the client sends no opening packets')
  assert.ok(b.nat.openings >= 1)
  assert.ok(!b.nat.dials.some(({ punch }) => punch), 'the server does not dial')
  assert.equal(
    mine.outcome === 'direct' && mine.connection.remoteAddr.decapsulate('/p2p').toString(),
    b.nat.address.toString()
  )
  assert.equal(relayed.status, 'open', 'the relayed connection outlives the upgrade')
  await until('only the direct connection is left', () => a.node.getConnections(b.node.peerId).length === 1)
  assert.notEqual(relayed.status, 'open')
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
    limited
  )
  const relayed = await connectOver(relay, a.node, b.node)
  const stream = await relayed.newStream('/test/talk', limited)
  assert.equal((await a.upgrade(b)).outcome, 'direct')
  await new Promise(resolve => setTimeout(resolve, 3_500))
  assert.equal(relayed.status, 'open')
  const echo = new Promise<string>(resolve =>
    stream.addEventListener('message', ({ data }) => resolve(Buffer.from(data.subarray()).toString()))
  )
  stream.send(Buffer.from('still here'))
  assert.equal(await echo, 'still here')
  assert.deepEqual(direct, ['punch-quic receiver 1'])
})

test('the other side is public: direct, by reversal or by the punch that runs beside it', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ door: 'public', announces: true })
  await using b = await testPeer({ relay })
  await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([a.upgrade(b), b.upgrade(a)])
  assert.deepEqual([mine.outcome, theirs.outcome], ['direct', 'direct'])
  assert.ok(b.nat.dials.some(({ to, punch }) => !punch && to.toString().startsWith(a.nat.address.toString())))
})

test('announced, but not reachable: the punch follows after a short head start', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ announces: true })
  await using b = await testPeer({ relay })
  await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([a.upgrade(b), b.upgrade(a)])
  assert.equal(mine.outcome === 'direct' && mine.technique, 'punch-quic')
  assert.equal(theirs.outcome === 'direct' && theirs.technique, 'punch-quic')
  assert.deepEqual(brief(b.attempts), ['punch-quic ok connected', 'reverse skipped already-direct'])
})

test('nobody gets through: three rounds, the last with roles swapped, the relayed connection stays', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ door: 'silent', speed: 5 })
  await using b = await testPeer({ relay, door: 'silent', speed: 5 })
  const relayed = await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([a.upgrade(b), b.upgrade(a)])
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
  assert.ok(b.nat.openings <= Math.min(2 * OPENING.packetsPerAddress, OPENING_ALLOWANCE.burst + 2))
  assert.ok(
    b.nat.dials.some(({ punch }) => punch),
    'the initiator dials in the third'
  )
  assert.equal(relayed.status, 'open')
  assert.equal((await relayed.newStream('/ipfs/ping/1.0.0', limited)).status, 'open')
  await Promise.all([nothingLeft(a), nothingLeft(b)])
})

test('both dial each other over the relay at the same time: one exchange, both direct', async () => {
  await using relay = await relayNode()
  for (let i = 0; i < 6; i++) {
    await using a = await testPeer({ relay })
    await using b = await testPeer({ relay })
    await Promise.all([connectOver(relay, a.node, b.node), connectOver(relay, b.node, a.node)])
    const [mine, theirs] = await Promise.all([a.upgrade(b), b.upgrade(a)])
    assert.deepEqual([mine.outcome, theirs.outcome], ['direct', 'direct'])
    const punches = [...a.attempts, ...b.attempts].filter(({ technique }) => technique === 'punch-quic')
    assert.deepEqual(brief(punches), Array(2).fill('punch-quic ok connected'))
  }
})

test('upgrade(): at once when direct, an error when there is no connection, the signal ends the wait', async () => {
  await using a = await testPeer({ door: 'public', announces: true })
  await using b = await testPeer({ announces: true })
  await assert.rejects(a.upgrade(b), { code: 'LINK_CLOSED' })
  await b.node.dial(addressOf(a.node))
  const { outcome, attempts } = await b.upgrade(a)
  assert.deepEqual({ outcome, attempts }, { outcome: 'direct', attempts: [] })
  const signal = AbortSignal.abort(new Error('enough'))
  await assert.rejects(b.node.services.dcutr.upgrade(a.node.peerId, { signal }), { message: 'enough' })
})

test('upgrade() twice at once for one peer: one session, one set of attempts, the same answer', async () => {
  await using relay = await relayNode()
  await using a = await testPeer()
  await using b = await testPeer({ relay })
  await connectOver(relay, a.node, b.node)
  const upgrades = await Promise.all([b.upgrade(a), b.upgrade(a), a.upgrade(b), a.upgrade(b)])
  assert.ok(upgrades.every(({ outcome }) => outcome === 'direct'))
  assert.equal(upgrades[0], upgrades[1])
  assert.deepEqual(brief(a.attempts), ['punch-quic ok connected'])
  assert.deepEqual(brief(b.attempts), ['punch-quic ok connected', 'reverse skipped peer-not-public'])
})

test('both sides without an own address: skipped with that reason', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ options: { allowPrivate: false } })
  await using b = await testPeer({ relay, options: { allowPrivate: false } })
  const relayed = await connectOver(relay, a.node, b.node)
  assert.equal((await b.upgrade(a)).outcome, 'relayed')
  assert.deepEqual(brief(b.attempts), ['punch-quic skipped no-own-address', 'reverse skipped peer-not-public'])
  assert.equal(relayed.status, 'open')
})

test('stopping in the middle of a round: the attempt is aborted, and nothing is left behind', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ door: 'silent' })
  await using b = await testPeer({ relay, door: 'silent' })
  await connectOver(relay, a.node, b.node)
  await until('opening packets fly', () => b.nat.openings > 0)
  const ended = b.upgrade(a)
  await b.node.stop()
  assert.equal((await ended).outcome, 'relayed')
  assert.deepEqual(brief(b.attempts), ['punch-quic failed aborted', 'reverse skipped peer-not-public'])
  const { openings } = b.nat
  await new Promise(resolve => setTimeout(resolve, 500))
  assert.equal(b.nat.openings, openings)
  assert.equal(b.clock.pending, 0)
})

test('twenty upgrades leave no timer, no listener and no stream behind', async () => {
  await using relay = await relayNode()
  await using b = await testPeer({ relay })
  for (let i = 0; i < 20; i++) {
    await using a = await testPeer(i % 4 === 0 ? { door: 'public', announces: true } : {})
    await connectOver(relay, a.node, b.node)
    assert.equal((await b.upgrade(a)).outcome, 'direct')
    const streams = b.node.getConnections(a.node.peerId).flatMap(connection => connection.streams)
    assert.ok(streams.filter(({ protocol }) => protocol === DCUTR_PROTOCOL).length === 0)
  }
  // one whose last words were lost is missed after 20 s
  await until(
    'the peers are gone',
    () => b.node.getConnections().every(({ remotePeer }) => remotePeer.equals(relay.peerId)),
    25_000
  )
  assert.equal(b.attempts.length, 40)
  await nothingLeft(b)
  await b.node.stop()
  assert.equal(b.clock.pending, 0)
})
