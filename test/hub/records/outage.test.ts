import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { STORE_RETRY_SECONDS } from '../../../src/hub/records/limits.ts'
import { Releases } from '../../../src/hub/records/releases.ts'
import { Ear, moodyStore, record, someone, stage, stranger, until } from './stage.ts'

const [alice, bob] = await Promise.all([someone(), someone()])
const ADDRESS = '198.51.100.7'

test('while the store is away all that needs it is UNAVAILABLE, says when to come again, and costs no signature', async t => {
  const { registry, store, checks } = await stage(t)
  const envelope = await record(alice, 0)
  const member = registry.join(alice.id, ADDRESS, new Ear())
  store.mood = 'away'
  for (const outcome of [
    await registry.register(envelope, alice.asker),
    await registry.register(envelope, stranger(), alice.id),
    await registry.find(alice.id, stranger()),
    await member.watch(bob.id)
  ]) {
    const { status, detail, retrySeconds } = outcome
    assert.deepEqual(
      [status, detail, retrySeconds],
      ['UNAVAILABLE', 'the hub cannot get at its records now', STORE_RETRY_SECONDS]
    )
  }
  assert.equal(checks(), 0)
  assert.equal((await member.call(bob.id, envelope)).status, 'UNAVAILABLE')
  await assert.rejects(registry.list(undefined, 10), { code: 'UNAVAILABLE' })
  store.mood = 'there'
  assert.equal((await registry.register(envelope, alice.asker)).status, 'OK')
})

test('a store that breaks in a way of its own is UNAVAILABLE, and nothing of it is told', async t => {
  const { registry, store } = await stage(t)
  store.get = () => Promise.reject(new TypeError('redis://user:password@host is broken'))
  const { status, detail } = await registry.find(alice.id, stranger())
  assert.deepEqual([status, detail], ['UNAVAILABLE', 'the hub cannot get at its records now'])
})

test('whether it answers is asked once a second at most', async t => {
  const { registry, store, clock } = await stage(t)
  assert.equal(await registry.healthy(), true)
  store.mood = 'away'
  assert.equal(await registry.healthy(), true)
  await clock.advance(1_000)
  assert.deepEqual(await Promise.all(Array.from({ length: 100 }, () => registry.healthy())), Array(100).fill(false))
  assert.equal(store.asked.get('check'), 2)
  store.mood = 'there'
  await clock.advance(1_000)
  assert.equal(await registry.healthy(), true)
})

test('a peer that goes while the store is away is released when it is back', async t => {
  const { registry, store, clock } = await stage(t)
  const member = registry.join(alice.id, ADDRESS, new Ear())
  await registry.register(await record(alice, 0), alice.asker)
  member.leave()
  store.mood = 'away'
  await clock.advance(60_000)
  await until('it was tried', () => store.asked.get('release') === 1)
  for (let tries = 2; tries < 10; tries++) {
    await clock.advance(STORE_RETRY_SECONDS * 1_000)
    await until('it was tried again', () => store.asked.get('release') === tries)
    assert.equal(registry.counts.releases, 1)
  }
  store.mood = 'there'
  await clock.advance(STORE_RETRY_SECONDS * 1_000)
  await until('it is released', () => registry.counts.releases === 0)
  assert.equal((await registry.find(alice.id, stranger())).status, 'NOT_FOUND')
})

test('a peer that goes and comes back while the store is away stays', async t => {
  const { registry, store, clock } = await stage(t)
  const member = registry.join(alice.id, ADDRESS, new Ear())
  const envelope = await record(alice, 0)
  await registry.register(envelope, alice.asker)
  member.leave()
  store.mood = 'away'
  await clock.advance(60_000)
  await until('it was tried', () => store.asked.get('release') === 1)
  registry.join(alice.id, ADDRESS, new Ear())
  assert.equal((await registry.register(envelope, alice.asker)).status, 'UNAVAILABLE')
  store.mood = 'there'
  assert.equal((await registry.register(envelope, alice.asker)).status, 'OK')
  assert.equal(registry.counts.releases, 0)
  await clock.advance(600_000)
  assert.equal((await registry.find(alice.id, stranger())).status, 'OK')
  assert.equal(store.asked.get('release'), 1)
})

test('a peer that registers while its release is under way is registered after it', async t => {
  const { registry, store, clock } = await stage(t)
  const member = registry.join(alice.id, ADDRESS, new Ear())
  await registry.register(await record(alice, 0), alice.asker)
  member.leave()
  const release = store.release.bind(store)
  const held = Promise.withResolvers<void>()
  store.release = async (...args) => {
    await held.promise
    await release(...args)
  }
  await clock.advance(60_000)
  registry.join(alice.id, ADDRESS, new Ear())
  const again = registry.register(await record(alice, 1), alice.asker)
  await clock.advance(0)
  assert.equal(store.asked.get('put'), 1)
  held.resolve()
  assert.equal((await again).status, 'OK')
  assert.equal((await registry.find(alice.id, stranger())).status, 'OK')
})

test('a hub that starts again releases those of its life before that do not come back, the store being there or not', async t => {
  const store = await moodyStore(t)
  const before = await stage(t, { store })
  for (const peer of [alice, bob]) {
    before.registry.join(peer.id, ADDRESS, new Ear())
    await before.registry.register(await record(peer, 0), peer.asker)
  }
  before.registry.stop()
  store.mood = 'away'
  const { registry, reservations, clock } = await stage(t, { store })
  await clock.advance(30_000)
  assert.equal(registry.counts.held, 0)
  store.mood = 'there'
  await clock.advance(STORE_RETRY_SECONDS * 1_000)
  await until('it knows', () => registry.counts.held === 2)
  reservations.emit('granted', bob.id.toString())
  await clock.advance(60_000)
  await until('it is released', () => registry.counts.releases === 0 && registry.counts.held === 1)
  assert.equal((await registry.find(alice.id, stranger())).status, 'NOT_FOUND')
  assert.equal((await registry.find(bob.id, stranger())).status, 'OK')
})

test('releases: some at once, in order, a bounded number that waits', async () => {
  const clock = new VirtualClock()
  const under: PromiseWithResolvers<void>[] = []
  const asked: string[] = []
  const releases = new Releases({
    clock,
    maxWaiting: 100,
    release: peer => {
      asked.push(peer)
      const one = Promise.withResolvers<void>()
      under.push(one)
      return one.promise
    }
  })
  for (let i = 0; i < 1_000; i++) releases.add(`peer ${i}`)
  assert.equal(asked.length, 32)
  assert.equal(releases.count, 132)
  for (let done = 0; done < under.length; done++) {
    under[done]!.resolve()
    await clock.advance(0)
  }
  assert.deepEqual(
    asked,
    Array.from({ length: 132 }, (_, i) => `peer ${i}`)
  )
  assert.equal(releases.count, 0)
  releases.stop()
  releases.add('one more')
  assert.equal(asked.length, 132)
})

test('releases of a store that is away are tried again together, and not before their time', async () => {
  const clock = new VirtualClock()
  let isAway = true
  const asked: number[] = []
  const releases = new Releases({
    clock,
    maxWaiting: 100,
    release: async () => {
      asked.push(clock.now())
      if (isAway) throw new Error('away')
    }
  })
  for (let i = 0; i < 40; i++) releases.add(`peer ${i}`)
  await clock.advance(4_999)
  assert.equal(asked.length, 32)
  await clock.advance(1)
  assert.equal(asked.filter(ms => ms === 5_000).length, 32)
  assert.equal(clock.pending, 1)
  isAway = false
  await clock.advance(5_000)
  assert.equal(releases.count, 0)
  assert.equal(asked.length, 104)
  assert.equal(clock.pending, 0)
})
