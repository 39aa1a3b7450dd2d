import assert from 'node:assert/strict'
import test from 'node:test'
import { Allowance } from '../../src/core/allowance.ts'

const take = (allowance: Allowance, key: string, nowMs: number, times: number) =>
  Array.from({ length: times }, () => allowance.take(key, nowMs)).filter(Boolean).length

test('a burst, then one per refill time, never more than the burst', () => {
  const allowance = new Allowance({ burst: 3, refillMs: 1_000, maxKeys: 10 })
  assert.equal(take(allowance, 'a', 0, 10), 3)
  assert.equal(take(allowance, 'b', 0, 10), 3)
  assert.equal(take(allowance, 'a', 999, 10), 0)
  assert.equal(take(allowance, 'a', 2_000, 10), 2)
  assert.equal(take(allowance, 'a', 1_000_000, 10), 3)
})

test('a restored key starts afresh', () => {
  const allowance = new Allowance({ burst: 2, refillMs: 1_000, maxKeys: 10 })
  take(allowance, 'a', 0, 2)
  allowance.restore('a')
  assert.equal(take(allowance, 'a', 0, 5), 2)
})

test('a full table refuses new keys until an old bucket is whole again', () => {
  const allowance = new Allowance({ burst: 1, refillMs: 1_000, maxKeys: 2 })
  assert.ok(allowance.take('a', 0))
  assert.ok(allowance.take('b', 500))
  assert.ok(!allowance.take('c', 900))
  assert.ok(allowance.take('c', 1_000))
  assert.ok(!allowance.take('d', 1_000))
  assert.equal(allowance.size, 2)
})

test('to ask whether there is one left spends none, and makes no room that is not there', () => {
  const allowance = new Allowance({ burst: 1, refillMs: 1_000, maxKeys: 1 })
  assert.ok(allowance.has('a', 0) && allowance.has('a', 0))
  assert.equal(allowance.size, 0)
  assert.ok(allowance.take('a', 0))
  assert.ok(!allowance.has('a', 999) && !allowance.has('b', 999))
  assert.ok(allowance.has('a', 1_000))
})
