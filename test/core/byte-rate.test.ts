import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteRate } from '../../src/core/byte-rate.ts'

const rate = (maxKeys = 10) => new ByteRate({ perSecond: 1_000, burst: 500, maxKeys })

test('a burst goes at once, and what is beyond it has to be made good', () => {
  const bytes = rate()
  assert.equal(bytes.spend('a', 500, 0), 0)
  assert.equal(bytes.spend('a', 100, 0), 100)
  assert.equal(bytes.spend('a', 100, 0), 200)
  assert.equal(bytes.left('a', 0), -200)
  assert.equal(bytes.left('a', 300), 100)
})

test('what comes back is never more than a burst, and each key has its own', () => {
  const bytes = rate()
  bytes.spend('a', 400, 0)
  assert.equal(bytes.left('a', 60_000), 500)
  bytes.spend('a', 500, 60_000)
  assert.equal(bytes.left('b', 60_000), 500)
})

test('of too many keys the one that was silent for longest is forgotten', () => {
  const bytes = rate(2)
  bytes.spend('a', 500, 0)
  bytes.spend('b', 500, 0)
  bytes.spend('a', 1, 0)
  bytes.spend('c', 500, 0)
  assert.equal(bytes.size, 2)
  assert.deepEqual(
    ['a', 'b', 'c'].map(key => bytes.left(key, 0)),
    [-1, 500, 0]
  )
})
