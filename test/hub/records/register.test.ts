import assert from 'node:assert/strict'
import test from 'node:test'
import type { Asker } from '../../../src/hub/records/api.ts'
import type { RendezvousStatus } from '../../../src/wire/rendezvous.ts'
import { Ear, HOUR_MS, moodyStore, record, type Someone, START_MS, someone, stage, stranger, until } from './stage.ts'

const [alice, bob, mallory] = await Promise.all([someone(), someone(), someone()])

test('a record that is left is found by whoever asks, for as long as it says', async t => {
  const { registry, clock, reservations } = await stage(t)
  reservations.emit('granted', alice.id.toString())
  const envelope = await record(alice, 0, { lifetimeSeconds: 600 })
  assert.deepEqual(await registry.register(envelope, alice.asker), {
    status: 'OK',
    seq: START_MS,
    lifetimeSeconds: 600,
    isNew: true
  })
  await clock.advance(599_000)
  const found = await registry.find(alice.id, stranger())
  assert.deepEqual(
    { ...found, envelope: undefined },
    { status: 'OK', seq: START_MS, lifetimeSeconds: 1, envelope: undefined }
  )
  assert.deepEqual(Buffer.from(found.envelope!), Buffer.from(envelope))
  await clock.advance(1_000)
  assert.deepEqual(await registry.find(alice.id, stranger()), { status: 'NOT_FOUND' })
})

test('a hub that keeps records for a shorter time says so', async t => {
  const { registry, clock, reservations } = await stage(t, { limits: { maxLifetimeSeconds: 120 } })
  reservations.emit('granted', alice.id.toString())
  const { lifetimeSeconds } = await registry.register(await record(alice, 0), alice.asker)
  assert.equal(lifetimeSeconds, 120)
  await clock.advance(119_000)
  assert.equal((await registry.find(alice.id, stranger())).status, 'OK')
  await clock.advance(1_000)
  assert.equal((await registry.find(alice.id, stranger())).status, 'NOT_FOUND')
})

const forged = async () => {
  const bytes = Uint8Array.from(await record(alice, 0))
  bytes[bytes.length - 1]! ^= 1
  return bytes
}
const brought: ReadonlyArray<
  readonly [string, () => Uint8Array | Promise<Uint8Array>, RendezvousStatus, RegExp | undefined]
> = [
  ['a record', () => record(alice, 0), 'OK', undefined],
  ['a record of a clock that is 23 h ahead', () => record(alice, 23 * HOUR_MS), 'OK', undefined],
  ['a record of a clock that is 23 h behind', () => record(alice, -23 * HOUR_MS), 'OK', undefined],
  ['a record of a clock that is 25 h ahead', () => record(alice, 25 * HOUR_MS), 'BAD_CLOCK', /25 h ahead of the hub/],
  ['a record of a clock that is 25 h behind', () => record(alice, -25 * HOUR_MS), 'BAD_CLOCK', /25 h behind the hub/],
  ['a record of a clock that has never been set', () => record(alice, -START_MS), 'BAD_CLOCK', /behind the hub/],
  ['a goodbye', () => record(alice, 0, { left: true }), 'OK', undefined],
  ['a signature that does not fit', forged, 'BAD_RECORD', /signature does not fit/],
  ["somebody else's record", () => record(bob, 0), 'BAD_RECORD', /has not signed/],
  ['nothing', () => new Uint8Array(0), 'BAD_RECORD', /signed envelope/],
  ['garbage', () => new Uint8Array(300).fill(0xff), 'BAD_RECORD', /signed envelope/],
  ['ten megabytes', () => new Uint8Array(10_000_000), 'BAD_RECORD', /10000000 bytes/]
]
for (const [what, make, status, detail] of brought) {
  for (const asker of [alice.asker, stranger()]) {
    test(`${asker.peer == null ? 'over HTTP' : 'over the stream'}, ${what}: ${status}`, async t => {
      const { registry, store } = await stage(t)
      const outcome = await registry.register(await make(), asker, alice.id)
      assert.equal(outcome.status, status, outcome.detail)
      if (detail != null) assert.match(outcome.detail!, detail)
      if (status !== 'OK') assert.equal(store.asked.get('put'), undefined)
    })
  }
}

test('a record that names nobody in the request is that of whoever signed it', async t => {
  const { registry } = await stage(t)
  assert.equal((await registry.register(await record(bob, 0), stranger())).status, 'OK')
  assert.equal((await registry.find(bob.id, stranger())).status, 'OK')
})

/** Records of Alice, each with its number, whether it is a goodbye, and what comes of it in that order. */
const orders: ReadonlyArray<
  readonly [string, ReadonlyArray<readonly [number, 'here' | 'left', RendezvousStatus]>, RendezvousStatus]
> = [
  [
    'newer and newer',
    [
      [1, 'here', 'OK'],
      [2, 'here', 'OK'],
      [3, 'here', 'OK']
    ],
    'OK'
  ],
  [
    'an older one is brought again',
    [
      [1, 'here', 'OK'],
      [3, 'here', 'OK'],
      [1, 'here', 'STALE']
    ],
    'OK'
  ],
  [
    'in the wrong order',
    [
      [3, 'here', 'OK'],
      [2, 'here', 'STALE'],
      [1, 'here', 'STALE']
    ],
    'OK'
  ],
  [
    'the same again',
    [
      [2, 'here', 'OK'],
      [2, 'here', 'OK']
    ],
    'OK'
  ],
  [
    'a goodbye',
    [
      [1, 'here', 'OK'],
      [2, 'left', 'OK']
    ],
    'NOT_FOUND'
  ],
  [
    'the goodbye again',
    [
      [1, 'here', 'OK'],
      [2, 'left', 'OK'],
      [2, 'left', 'OK']
    ],
    'NOT_FOUND'
  ],
  [
    'what was before the goodbye',
    [
      [1, 'here', 'OK'],
      [2, 'left', 'OK'],
      [1, 'here', 'STALE']
    ],
    'NOT_FOUND'
  ],
  [
    'a goodbye that comes late',
    [
      [3, 'here', 'OK'],
      [2, 'left', 'STALE']
    ],
    'OK'
  ],
  [
    'a goodbye before all else',
    [
      [2, 'left', 'OK'],
      [1, 'here', 'STALE']
    ],
    'NOT_FOUND'
  ],
  [
    'back again after the goodbye',
    [
      [1, 'here', 'OK'],
      [2, 'left', 'OK'],
      [3, 'here', 'OK']
    ],
    'OK'
  ]
]
for (const [what, order, end] of orders) {
  test(`reordered and replayed: ${what}`, async t => {
    const { registry } = await stage(t)
    for (const [seq, how, status] of order) {
      const envelope = await record(alice, 0, { seq, left: how === 'left' })
      const outcome = await registry.register(envelope, seq % 2 === 0 ? stranger() : alice.asker, alice.id)
      assert.equal(outcome.status, status, `${how} ${seq}: ${outcome.detail}`)
      if (status === 'STALE') assert.ok(outcome.seq! > seq && outcome.envelope != null)
    }
    assert.equal((await registry.find(alice.id, stranger())).status, end)
  })
}

test('another record with the number of the one that is kept is not taken, and the peer learns which one is', async t => {
  const { registry } = await stage(t)
  const first = await record(alice, 0, { port: 1 })
  await registry.register(first, alice.asker)
  const { status, envelope, seq } = await registry.register(await record(alice, 0, { port: 2 }), alice.asker)
  assert.deepEqual([status, seq, Buffer.from(envelope!)], ['STALE', START_MS, Buffer.from(first)])
})

test('what has run out is not there again because it is brought again: its peer is told to sign a new one', async t => {
  const { registry, clock } = await stage(t)
  const envelope = await record(alice, 0, { lifetimeSeconds: 60 })
  await registry.register(envelope, alice.asker)
  await clock.advance(60_000)
  for (const asker of [alice.asker, stranger()]) {
    const { status, detail, seq } = await registry.register(envelope, asker, alice.id)
    assert.deepEqual([status, seq], ['STALE', START_MS])
    assert.match(detail!, /run out/)
  }
  assert.equal((await registry.find(alice.id, stranger())).status, 'NOT_FOUND')
})

for (const skewHours of [-23, 0, 23]) {
  test(`a peer whose clock is wrong by ${skewHours} h: no record of it is ever brought back by a replay`, async t => {
    const { registry, clock } = await stage(t)
    const skewMs = skewHours * HOUR_MS
    const old = await record(alice, skewMs, { lifetimeSeconds: 60 })
    await registry.register(old, alice.asker)
    await clock.advance(1_000)
    await registry.register(await record(alice, skewMs + 1_000, { left: true, lifetimeSeconds: 60 }), alice.asker)
    for (let hour = 0; hour < 100; hour++) {
      const { status } = await registry.register(old, stranger(`203.0.113.${hour}`), alice.id)
      assert.ok(status === 'STALE' || status === 'BAD_CLOCK', `after ${hour} h: ${status}`)
      await clock.advance(HOUR_MS)
    }
  })
}

test('the same record again costs no signature, whoever brings it', async t => {
  const { registry, checks, store } = await stage(t)
  const envelope = await record(alice, 0)
  for (const asker of [alice.asker, alice.asker, stranger(), stranger()]) {
    const { status, lifetimeSeconds } = await registry.register(envelope, asker, alice.id)
    assert.deepEqual([status, lifetimeSeconds], ['OK', 3_600])
  }
  assert.equal(checks(), 1)
  // over HTTP nothing is written, either
  assert.equal(store.asked.get('put'), 2)
})

test('10,000 requests of one source: no more work than it may cause, and others are served', async t => {
  const { registry, checks, store } = await stage(t)
  const spoiled = await forged()
  const outcomes = new Map<RendezvousStatus, number>()
  for (let i = 0; i < 10_000; i++) {
    const { status, retrySeconds } = await registry.register(spoiled, stranger(), alice.id)
    outcomes.set(status, (outcomes.get(status) ?? 0) + 1)
    if (status === 'LIMIT') assert.equal(retrySeconds, 1)
  }
  assert.deepEqual(
    [...outcomes],
    [
      ['BAD_RECORD', 512],
      ['LIMIT', 9_488]
    ]
  )
  assert.equal(checks(), 512)
  assert.equal(store.asked.get('get'), 512)
  assert.equal((await registry.register(await record(alice, 0), stranger('203.0.113.10'), alice.id)).status, 'OK')
  for (let i = 0; i < 10_000; i++) await registry.find(alice.id, stranger())
  assert.equal((await registry.find(alice.id, stranger())).status, 'LIMIT')
  assert.equal((await registry.find(alice.id, stranger('203.0.113.10'))).status, 'OK')
})

test('many sources together cause no more work than all over HTTP may; who is connected is served', async t => {
  const { registry, checks } = await stage(t, { limits: { anonymous: { burst: 10, refillMs: 1_000, maxKeys: 1 } } })
  const spoiled = await forged()
  for (let i = 0; i < 200; i++) await registry.register(spoiled, stranger(`203.0.113.${i}`), alice.id)
  assert.equal(checks(), 10)
  assert.equal((await registry.register(await record(alice, 0), alice.asker)).status, 'OK')
})

test("what is no record, another peer's, or kept already uses up nothing of what all over HTTP share", async t => {
  const { registry, checks } = await stage(t, { limits: { anonymous: { burst: 2, refillMs: 3_600_000, maxKeys: 1 } } })
  const own = await record(alice, 0)
  const spoiled: readonly Uint8Array[] = [
    new Uint8Array(0),
    new Uint8Array(300).fill(0xff),
    new Uint8Array(10_000),
    own.subarray(0, own.length - 10),
    await record(bob, 0)
  ]
  for (const [i, bytes] of spoiled.entries()) {
    assert.equal(
      (await registry.register(bytes, stranger(`203.0.113.${i}`), alice.id)).status,
      'BAD_RECORD',
      `no. ${i}`
    )
  }
  assert.equal(checks(), 0)
  assert.equal((await registry.register(own, stranger(), alice.id)).status, 'OK')
  for (let i = 0; i < 10; i++) assert.equal((await registry.register(own, stranger(), alice.id)).status, 'OK')
  assert.equal((await registry.register(await forged(), stranger(), alice.id)).status, 'BAD_RECORD')
  const { status, detail } = await registry.register(await record(bob, 0), stranger(), bob.id)
  assert.deepEqual([status, detail], ['LIMIT', 'too many signatures of records over HTTP at a time'])
  assert.equal(checks(), 2)
  assert.equal((await registry.register(await record(bob, 0), bob.asker)).status, 'OK')
})

test('a peer that registers all the time is slowed down, and no longer than it takes', async t => {
  const { registry, clock } = await stage(t)
  let seq = 1
  const next = async () => (await registry.register(await record(alice, 0, { seq: seq++ }), alice.asker)).status
  for (let i = 0; i < 16; i++) assert.equal(await next(), 'OK')
  assert.equal(await next(), 'LIMIT')
  await clock.advance(5_000)
  assert.equal(await next(), 'OK')
  assert.equal(await next(), 'LIMIT')
})

test('a stranger with forged, old and equal records does not keep a peer from changing its own', async t => {
  const { registry } = await stage(t)
  const old = await record(alice, 0, { seq: 1 })
  const current = await record(alice, 0, { seq: 2 })
  await registry.register(current, alice.asker)
  for (let i = 0; i < 100; i++) {
    for (const envelope of [old, current, await forged()])
      await registry.register(envelope, stranger(`203.0.113.${i}`), alice.id)
  }
  assert.equal((await registry.register(await record(alice, 0, { seq: 3 }), stranger(), alice.id)).status, 'OK')
  assert.equal((await registry.register(await record(alice, 0, { seq: 4 }), alice.asker)).status, 'OK')
})

test('signatures that are checked at once are bounded, and requests that wait for the store', async t => {
  const { registry, store } = await stage(t, { limits: { maxRequests: 100, maxChecks: 0 } })
  assert.equal((await registry.register(await record(alice, 0), alice.asker)).status, 'LIMIT')
  store.mood = 'hanging'
  const waiting = Array.from({ length: 100 }, () => registry.find(alice.id, stranger()))
  const { status, detail, retrySeconds } = await registry.find(alice.id, stranger())
  assert.deepEqual([status, detail, retrySeconds], ['UNAVAILABLE', 'the hub has too many requests in hand', 1])
  store.goOn()
  for (const outcome of await Promise.all(waiting)) assert.equal(outcome.status, 'NOT_FOUND')
  assert.equal((await registry.find(alice.id, stranger())).status, 'NOT_FOUND')
})

const unheld = async (n: number): Promise<Someone[]> => await Promise.all(Array.from({ length: n }, someone))

test('one source brings a few records that no hub holds, and as many of those that one does as it likes', async t => {
  const { registry, reservations } = await stage(t)
  const many = await unheld(66)
  const put = async (peer: Someone) => (await registry.register(await record(peer, 0), stranger(), peer.id)).status
  for (const peer of many.slice(0, 64)) assert.equal(await put(peer), 'OK')
  assert.equal(await put(many[64]!), 'LIMIT')
  reservations.emit('granted', many[65]!.id.toString())
  assert.equal(await put(many[65]!), 'OK')
  // and those that are there may change
  assert.equal((await registry.register(await record(many[0]!, 1_000), stranger(), many[0]!.id)).status, 'OK')
})

test('one source brings so many peers that are new here, over streams too; who is known renews, and others are served', async t => {
  const { registry, clock } = await stage(t, { limits: { firsts: { burst: 3, refillMs: 1_000, maxKeys: 10 } } })
  const many = await unheld(7)
  const from = (peer: Someone, address = '203.0.113.9'): Asker => ({ address, peer: peer.id })
  const put = async (peer: Someone, atMs: number, asker: Asker) =>
    await registry.register(await record(peer, atMs), asker, peer.id)
  for (const [i, peer] of many.slice(0, 3).entries()) {
    // each with a connection of its own, which ends
    const member = registry.join(peer.id, '203.0.113.9', new Ear())
    assert.equal((await member.register(await record(peer, i))).status, 'OK')
    member.leave()
  }
  const { status, detail, retrySeconds } = await put(many[3]!, 0, from(many[3]!))
  assert.deepEqual(
    [status, detail, retrySeconds],
    ['LIMIT', 'too many first records, from one address, of peers that have none here at a time', 1]
  )
  assert.equal((await put(many[4]!, 0, stranger('203.0.113.9'))).status, 'LIMIT')
  assert.equal((await put(many[0]!, 10, from(many[0]!))).status, 'OK')
  assert.equal((await put(many[5]!, 0, from(many[5]!, '203.0.113.10'))).status, 'OK')
  await clock.advance(1_000)
  assert.equal((await put(many[3]!, 1_000, from(many[3]!))).status, 'OK')
  assert.equal((await put(many[6]!, 1_000, from(many[6]!))).status, 'LIMIT')
})

test('a store that is full takes none that no hub holds, and looks again after a minute', async t => {
  const { registry, clock, store } = await stage(t, { limits: { maxRecords: 2 } })
  const many = await unheld(5)
  const put = async (peer: Someone) =>
    (await registry.register(await record(peer, clock.now()), stranger(), peer.id)).status
  assert.deepEqual([await put(many[0]!), await put(many[1]!)], ['OK', 'OK'])
  await clock.advance(60_000)
  assert.equal(await put(many[2]!), 'LIMIT')
  assert.equal((await registry.register(await record(many[3]!, 0), many[3]!.asker)).status, 'OK')
  for (const peer of many.slice(0, 2))
    await registry.register(await record(peer, 60_000, { left: true }), stranger(), peer.id)
  await registry.register(await record(many[3]!, 1, { left: true }), many[3]!.asker)
  assert.equal(await put(many[2]!), 'LIMIT')
  await clock.advance(60_000)
  assert.equal(await put(many[2]!), 'OK')
  assert.equal(store.asked.get('count'), 3)
})

/** What shows that Alice is at the hub; how the record came; whether it stays after she has gone. */
const held: ReadonlyArray<readonly ['reservation' | 'stream' | 'nothing', 'stream' | 'HTTP', boolean]> = [
  ['reservation', 'stream', false],
  ['reservation', 'HTTP', false],
  ['stream', 'stream', false],
  ['nothing', 'HTTP', true]
]
for (const [by, way, stays] of held) {
  test(`registered over ${way}, with ${by} to show that it is here: ${stays ? 'stays for its lifetime' : 'goes a minute after it has gone'}`, async t => {
    const { registry, clock, reservations, store } = await stage(t)
    const key = alice.id.toString()
    const member = by === 'nothing' ? undefined : registry.join(alice.id, '198.51.100.7', { news() {}, called() {} })
    if (by === 'reservation') reservations.emit('granted', key)
    const envelope = await record(alice, 0)
    const asker = way === 'HTTP' ? stranger() : alice.asker
    assert.equal((await registry.register(envelope, asker, alice.id)).status, 'OK')
    assert.equal(registry.counts.held, stays ? 0 : 1)
    await clock.advance(600_000)
    if (by === 'reservation') reservations.emit('ended', key)
    member?.leave()
    await clock.advance(59_999)
    assert.equal((await registry.find(alice.id, stranger())).status, 'OK')
    await clock.advance(1)
    await until('the release is done', () => registry.counts.releases === 0)
    assert.equal((await registry.find(alice.id, stranger())).status, stays ? 'OK' : 'NOT_FOUND')
    assert.equal(store.asked.get('release') ?? 0, stays ? 0 : 1)
  })
}

test('a record that was released is there again when its peer comes back with it; a stranger cannot bring it back', async t => {
  const { registry, clock } = await stage(t)
  const join = () => registry.join(alice.id, '198.51.100.7', { news() {}, called() {} })
  const envelope = await record(alice, 0)
  const member = join()
  await registry.register(envelope, alice.asker)
  member.leave()
  await clock.advance(60_000)
  await until('the release is done', () => registry.counts.releases === 0)
  assert.equal((await registry.register(envelope, stranger(), alice.id)).status, 'STALE')
  assert.equal((await registry.find(alice.id, stranger())).status, 'NOT_FOUND')
  const again = join()
  const { status, lifetimeSeconds } = await registry.register(envelope, alice.asker)
  assert.deepEqual([status, lifetimeSeconds], ['OK', 3_540])
  assert.equal((await registry.find(alice.id, stranger())).status, 'OK')
  again.leave()
})

test('a replay over HTTP makes no other hub answer for a peer', async t => {
  const store = await moodyStore(t)
  const one = await stage(t, { store, hub: 'hub 1' })
  const two = await stage(t, { store, hub: 'hub 2', clock: one.clock })
  const member = one.registry.join(alice.id, '198.51.100.7', { news() {}, called() {} })
  const envelope = await record(alice, 0)
  await one.registry.register(envelope, alice.asker)
  two.reservations.emit('granted', alice.id.toString())
  assert.equal((await two.registry.register(envelope, stranger(), alice.id)).status, 'OK')
  assert.equal(two.registry.counts.held, 0)
  member.leave()
  await one.clock.advance(60_000)
  await until('the release is done', () => one.registry.counts.releases === 0)
  assert.equal((await two.registry.find(alice.id, stranger())).status, 'NOT_FOUND')
})

test('a peer at two hubs is found until it has gone from both', async t => {
  const store = await moodyStore(t)
  const one = await stage(t, { store, hub: 'hub 1' })
  const two = await stage(t, { store, hub: 'hub 2', clock: one.clock })
  const members = [one, two].map(({ registry }) => registry.join(alice.id, '198.51.100.7', { news() {}, called() {} }))
  const envelope = await record(alice, 0)
  for (const { registry } of [one, two]) assert.equal((await registry.register(envelope, alice.asker)).status, 'OK')
  members[0]!.leave()
  await one.clock.advance(60_000)
  await until('the release is done', () => one.registry.counts.releases === 0)
  assert.equal((await one.registry.find(alice.id, stranger())).status, 'OK')
  members[1]!.leave()
  await one.clock.advance(60_000)
  await until('the release is done', () => two.registry.counts.releases === 0)
  assert.equal((await one.registry.find(alice.id, stranger())).status, 'NOT_FOUND')
})

test('a record that comes behind a goodbye is released as any other, when its peer has gone', async t => {
  const { registry, clock } = await stage(t)
  const members = [1, 2].map(() => registry.join(alice.id, '198.51.100.7', new Ear()))
  await members[0]!.register(await record(alice, 0))
  const [goodbye, next] = [await record(alice, 1, { left: true }), await record(alice, 2)]
  // of a program that is started again at once: its goodbye is still under way
  const outcomes = await Promise.all([members[0]!.register(goodbye), members[1]!.register(next)])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['OK', 'OK']
  )
  for (const member of members) member.leave()
  await clock.advance(60_000)
  await until('released', async () => (await registry.find(alice.id, stranger())).status === 'NOT_FOUND')
})

test('operators are told of peers in pages', async t => {
  const { registry } = await stage(t)
  for (const peer of [alice, bob, mallory]) await registry.register(await record(peer, 0), peer.asker)
  const first = await registry.list(undefined, 2)
  const second = await registry.list(first.next, 2)
  const all = [alice, bob, mallory].map(({ id }) => id.toString())
  assert.deepEqual(new Set([...first.peers, ...second.peers]), new Set(all))
  assert.equal(second.next, undefined)
  assert.equal((await registry.list(undefined, 1_000_000)).peers.length, 3)
})

test('who looks for a peer that has said goodbye is shown the goodbye, until the peer is back', async t => {
  const { registry } = await stage(t)
  const goodbye = await record(alice, 1, { left: true })
  await registry.register(await record(alice, 0), alice.asker)
  await registry.register(goodbye, alice.asker)
  const { status, envelope } = await registry.find(alice.id, stranger())
  assert.equal(status, 'NOT_FOUND')
  assert.deepEqual(Buffer.from(envelope!), Buffer.from(goodbye))
  await registry.register(await record(alice, 2), alice.asker)
  assert.equal((await registry.find(alice.id, stranger())).status, 'OK')
})
