import assert from 'node:assert/strict'
import test from 'node:test'
import { PENDING, Pending } from '../../../src/libp2p/links/pending.ts'
import { SeenOffers } from '../../../src/libp2p/links/seen-offers.ts'

const LIMIT = { code: 'LIMIT' }

test('a relay that names one peer again and again leaves it its places by another relay', () => {
  const pending = new Pending()
  for (let i = 0; i < PENDING.perPeer; i++) pending.take('bad', 'bob', false)
  assert.throws(() => pending.take('bad', 'bob', false), LIMIT)
  assert.throws(() => pending.take('bad', 'bob', true), LIMIT)
  for (let i = 0; i < PENDING.perPeer; i++) pending.take('good', 'bob', false)
})

test('a relay that makes up peers leaves places to another one', () => {
  const pending = new Pending()
  for (let i = 0; i < PENDING.perRelay; i++) pending.take('bad', `peer ${i}`, false)
  assert.throws(() => pending.take('bad', 'one more', false), LIMIT)
  pending.take('good', 'bob', false)
})

test('however many relays there are, there is a bound, and who has a link finds a place beyond it', () => {
  const pending = new Pending()
  const releases = Array.from({ length: PENDING.inAll }, (_, i) => pending.take(`relay ${i % 4}`, `peer ${i}`, false))
  assert.throws(() => pending.take('relay 4', 'one more', false), LIMIT)
  pending.take('relay 4', 'a friend', true)()
  releases[0]!()
  pending.take('relay 4', 'one more', false)
})

test('a place that is given back is free', () => {
  const pending = new Pending()
  for (let i = 0; i < 1_000; i++) pending.take('relay', 'bob', false)()
  const releases = Array.from({ length: PENDING.perPeer }, () => pending.take('relay', 'bob', false))
  releases[0]!()
  pending.take('relay', 'bob', false)
  assert.throws(() => pending.take('relay', 'bob', false), LIMIT)
})

test('an offer is new once, and the memory of them has a bound', () => {
  const seen = new SeenOffers()
  const offer = (n: number) => ({ key: Buffer.alloc(32, `${n}.`) })
  assert.deepEqual([seen.take(offer(0)), seen.take(offer(1)), seen.take(offer(0))], [true, true, false])
  for (let n = 2; n < 10_000; n++) assert.equal(seen.take(offer(n)), true)
  assert.equal(seen.size, 4_096)
  assert.equal(seen.take(offer(9_999)), false)
})
