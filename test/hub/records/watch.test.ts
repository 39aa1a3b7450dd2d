import assert from 'node:assert/strict'
import test from 'node:test'
import { sealPeerRecord } from '../../../src/libp2p/peer-record.ts'
import { Ear, HOUR_MS, moodyStore, record, START_MS, type Stage, someone, stage, stranger, until } from './stage.ts'

const [alice, bob, carol] = await Promise.all([someone(), someone(), someone()])
const ADDRESS = '198.51.100.7'

/** Bob watches Alice. */
async function watching(stage: Stage, ear = new Ear()) {
  const member = stage.registry.join(bob.id, ADDRESS, ear)
  const outcome = await member.watch(alice.id)
  return { member, ear, outcome }
}

test('who watches a peer hears of it when it comes, changes and goes, and of nothing else', async t => {
  const it = await stage(t)
  const { registry, clock, reservations } = it
  const { ear, member, outcome } = await watching(it)
  assert.deepEqual(outcome, { status: 'NOT_FOUND' })
  reservations.emit('granted', alice.id.toString())
  await registry.register(await record(alice, 1), alice.asker)
  await registry.register(await record(alice, 1), alice.asker)
  await registry.register(await record(alice, 2), stranger(), alice.id)
  await registry.register(await record(alice, 1), stranger(), alice.id)
  await registry.register(await record(carol, 3), carol.asker)
  assert.deepEqual(await ear.numbers(), [1, 2])
  assert.deepEqual(ear.heard[0]!.multihash, alice.id.toMultihash().bytes)
  reservations.emit('ended', alice.id.toString())
  await clock.advance(60_000)
  await until('it is gone', () => ear.heard.length === 3)
  await registry.register(await record(alice, 2), alice.asker)
  await registry.register(await record(alice, 4, { left: true }), alice.asker)
  await registry.register(await record(alice, 4, { left: true }), stranger(), alice.id)
  assert.deepEqual(await ear.numbers(), [1, 2, 0, 2, 0])
  member.unwatch(alice.id)
  await registry.register(await record(alice, 5), alice.asker)
  assert.equal(ear.heard.length, 5)
  assert.equal(registry.counts.watches, 0)
})

test('the answer to a watch is what there is, and news are what comes after it', async t => {
  const it = await stage(t)
  await it.registry.register(await record(alice, 1), alice.asker)
  const { ear, outcome } = await watching(it)
  assert.deepEqual([outcome.status, outcome.seq], ['OK', START_MS + 1])
  await it.registry.register(await record(alice, 1), alice.asker)
  assert.deepEqual(ear.heard, [])
})

test('a record that runs out while it is watched is news within half a minute', async t => {
  const it = await stage(t)
  const { ear, member } = await watching(it)
  await it.registry.register(await record(alice, 0, { lifetimeSeconds: 90 }), stranger(), alice.id)
  await it.clock.advance(89_999)
  assert.equal(ear.heard.length, 1)
  await it.clock.advance(30_001)
  assert.equal(ear.heard.length, 2)
  assert.equal(ear.heard[1]!.envelope, undefined)
  await it.clock.advance(HOUR_MS)
  assert.equal(ear.heard.length, 2)
  member.leave()
})

test('the store is asked for a peer once, however many watch it, and is let off when the last one stops', async t => {
  const { registry, store } = await stage(t)
  const ears = Array.from({ length: 20 }, () => new Ear())
  const members = ears.map(ear => registry.join(bob.id, ADDRESS, ear))
  await Promise.all(members.map(member => member.watch(alice.id)))
  await members[0]!.watch(alice.id)
  assert.equal(registry.counts.watches, 20)
  assert.equal(store.asked.get('watch'), 1)
  await registry.register(await record(alice, 1), alice.asker)
  for (const ear of ears) assert.equal(ear.heard.length, 1)
  // all are told by the same object, from which they make one message
  assert.equal(new Set(ears.map(({ heard }) => heard[0])).size, 1)
  members[0]!.unwatch(alice.id)
  for (const member of members.slice(0, 19)) member.leave()
  assert.equal(store.asked.get('unwatch'), undefined)
  members[19]!.leave()
  assert.equal(store.asked.get('unwatch'), 1)
  assert.deepEqual([registry.counts.watches, registry.counts.members], [0, 0])
  await registry.register(await record(alice, 2), alice.asker)
  assert.equal(ears[19]!.heard.length, 1)
})

test('watches of a peer are bounded, whatever number of streams it has', async t => {
  const it = await stage(t, { limits: { maxWatchesEach: 2 } })
  const [first, second] = [new Ear(), new Ear()].map(ear => it.registry.join(bob.id, ADDRESS, ear))
  assert.equal((await first!.watch(alice.id)).status, 'NOT_FOUND')
  assert.equal((await second!.watch(carol.id)).status, 'NOT_FOUND')
  const { status, detail, retrySeconds } = await second!.watch(alice.id)
  assert.deepEqual([status, detail, retrySeconds], ['LIMIT', 'a peer has 2 watches', 1])
  // what it does not watch gives nothing back
  second!.unwatch(bob.id)
  assert.equal((await first!.watch(bob.id)).status, 'LIMIT')
  const other = it.registry.join(carol.id, ADDRESS, new Ear())
  assert.equal((await other.watch(alice.id)).status, 'NOT_FOUND')
  first!.leave()
  first!.leave()
  assert.equal((await second!.watch(alice.id)).status, 'NOT_FOUND')
  assert.equal((await second!.watch(bob.id)).status, 'LIMIT')
  second!.unwatch(alice.id)
  // one that fails is none
  it.store.mood = 'away'
  assert.equal((await second!.watch(bob.id)).status, 'UNAVAILABLE')
  it.store.mood = 'there'
  assert.equal((await second!.watch(alice.id)).status, 'NOT_FOUND')
})

test('watches of a source are bounded, whoever has them', async t => {
  const { registry } = await stage(t, { limits: { maxWatchesFrom: 2 } })
  // of one IPv6 network
  const [first, second] = [
    registry.join(bob.id, '2001:db8::1', new Ear()),
    registry.join(carol.id, '2001:db8::2', new Ear())
  ]
  assert.equal((await first.watch(alice.id)).status, 'NOT_FOUND')
  assert.equal((await second.watch(alice.id)).status, 'NOT_FOUND')
  const { status, detail } = await second.watch(bob.id)
  assert.deepEqual([status, detail], ['LIMIT', 'all peers of one address have 2 watches'])
  const other = registry.join(alice.id, '2001:db8:0:1::1', new Ear())
  assert.equal((await other.watch(bob.id)).status, 'NOT_FOUND')
  first.leave()
  assert.equal((await second.watch(bob.id)).status, 'NOT_FOUND')
})

test('watches of a stream are bounded, and those of a hub', async t => {
  const { registry } = await stage(t, { limits: { maxWatchesEach: 2, maxWatches: 3 } })
  const [first, second] = [bob, carol].map(({ id }) => registry.join(id, ADDRESS, new Ear()))
  for (const peer of [alice, bob]) assert.equal((await first!.watch(peer.id)).status, 'NOT_FOUND')
  assert.equal((await first!.watch(carol.id)).status, 'LIMIT')
  // one that it has already
  assert.equal((await first!.watch(alice.id)).status, 'NOT_FOUND')
  assert.equal((await second!.watch(alice.id)).status, 'NOT_FOUND')
  assert.equal((await second!.watch(bob.id)).status, 'LIMIT')
  first!.unwatch(bob.id)
  assert.equal((await second!.watch(bob.id)).status, 'NOT_FOUND')
  assert.equal(registry.counts.watches, 3)
})

test('a watch while the store is away is none, and leaves nothing behind', async t => {
  const it = await stage(t)
  it.store.mood = 'away'
  const { member, ear, outcome } = await watching(it)
  assert.equal(outcome.status, 'UNAVAILABLE')
  assert.equal(it.registry.counts.watches, 0)
  it.store.mood = 'there'
  await it.registry.register(await record(alice, 1), alice.asker)
  assert.deepEqual(ear.heard, [])
  assert.equal((await member.watch(alice.id)).status, 'OK')
  // one that there is outlives an answer that cannot be had
  it.store.mood = 'away'
  assert.equal((await member.watch(alice.id)).status, 'UNAVAILABLE')
  it.store.mood = 'there'
  await it.registry.register(await record(alice, 2), alice.asker)
  assert.deepEqual(await ear.numbers(), [2])
})

test('a stream that ends while its watch is on the way leaves nothing behind', async t => {
  const it = await stage(t)
  it.store.mood = 'hanging'
  const member = it.registry.join(bob.id, ADDRESS, new Ear())
  const watch = member.watch(alice.id)
  member.leave()
  it.store.goOn()
  await watch
  assert.equal(it.registry.counts.watches, 0)
  assert.equal(it.store.asked.get('unwatch'), 1)
})

test('a record that comes while a watch is answered is told, and the answer is not older than the news', async t => {
  const it = await stage(t)
  const ear = new Ear()
  const member = it.registry.join(bob.id, ADDRESS, ear)
  const watch = member.watch(alice.id)
  await Promise.all([watch, it.registry.register(await record(alice, 1), alice.asker)])
  const { status } = await watch
  // either it was there when the answer was given, or it is news
  assert.ok(status === 'OK' || ear.heard.length === 1)
})

const own = () => record(bob, 0)
const calls: ReadonlyArray<readonly [string, () => Promise<Uint8Array>, 'OK' | 'BAD_RECORD']> = [
  ['its own record', own, 'OK'],
  ["somebody else's record", () => record(carol, 0), 'BAD_RECORD'],
  ['garbage', async () => new Uint8Array(100), 'BAD_RECORD'],
  ['a goodbye', () => sealPeerRecord(bob.key, { seq: 1, left: true }), 'BAD_RECORD']
]
for (const [what, make, status] of calls) {
  test(`a call with ${what}: ${status}`, async t => {
    const { registry } = await stage(t)
    const ear = new Ear()
    registry.join(alice.id, ADDRESS, ear)
    const envelope = await make()
    const outcome = await registry.join(bob.id, ADDRESS, new Ear()).call(alice.id, envelope)
    assert.equal(outcome.status, status)
    assert.deepEqual(ear.calls, status === 'OK' ? [envelope] : [])
  })
}

test('a call to a peer that is nowhere is answered so', async t => {
  const { registry, store } = await stage(t)
  const member = registry.join(bob.id, ADDRESS, new Ear())
  assert.deepEqual(await member.call(alice.id, await own()), { status: 'NOT_FOUND' })
  assert.equal(store.asked.get('call'), undefined)
})

test('a call goes to the stream that was opened last', async t => {
  const { registry } = await stage(t)
  const ears = [new Ear(), new Ear(), new Ear()]
  const members = ears.map(ear => registry.join(alice.id, ADDRESS, ear))
  const caller = registry.join(bob.id, ADDRESS, new Ear())
  members[2]!.leave()
  await caller.call(alice.id, await own())
  assert.deepEqual(
    ears.map(({ calls }) => calls.length),
    [0, 1, 0]
  )
})

test('a call passes from hub to hub, and what comes from others is bounded, too', async t => {
  const store = await moodyStore(t)
  const one = await stage(t, { store, hub: 'hub 1' })
  const two = await stage(t, { store, hub: 'hub 2', clock: one.clock })
  const ear = new Ear()
  const called = two.registry.join(alice.id, ADDRESS, ear)
  await two.registry.register(await record(alice, 0), alice.asker)
  const caller = one.registry.join(bob.id, ADDRESS, new Ear())
  const envelope = await own()
  assert.equal((await caller.call(alice.id, envelope)).status, 'OK')
  assert.deepEqual(
    ear.calls.map(call => Buffer.from(call)),
    [Buffer.from(envelope)]
  )
  for (let i = 0; i < 100; i++) await store.call(alice.id.toString(), envelope)
  assert.equal(ear.calls.length, 16)
  await store.call(alice.id.toString(), new Uint8Array(100_000))
  called.leave()
  await store.call(alice.id.toString(), envelope)
  assert.equal(ear.calls.length, 16)
})

test('who calls too often is refused, and so is who is one of too many that call the same peer', async t => {
  const { registry, clock } = await stage(t)
  registry.join(alice.id, ADDRESS, new Ear())
  const caller = registry.join(bob.id, ADDRESS, new Ear())
  const envelope = await own()
  for (let i = 0; i < 16; i++) assert.equal((await caller.call(alice.id, envelope)).status, 'OK')
  assert.equal((await caller.call(alice.id, envelope)).detail, 'too many calls of one peer at a time')
  const other = registry.join(carol.id, ADDRESS, new Ear())
  const { status, detail, retrySeconds } = await other.call(alice.id, await record(carol, 0))
  assert.deepEqual([status, detail, retrySeconds], ['LIMIT', 'too many calls to one peer at a time', 1])
  await clock.advance(2_000)
  assert.equal((await other.call(alice.id, await record(carol, 0))).status, 'OK')
})
