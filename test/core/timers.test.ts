import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/core/random.ts'
import { Timers } from '../../src/core/timers.ts'

test('timers come in the order of their times, those of one time as they were set, and none that was cancelled', () => {
  const random = seededRandom(7)
  for (let round = 0; round < 50; round++) {
    const timers = new Timers()
    const expected: { atMs: number; order: number }[] = []
    const fired: number[] = []
    for (let order = 0; order < 200; order++) {
      const atMs = random.int(0, 20)
      const timer = timers.add(atMs, () => fired.push(order))
      if (random.int(0, 2) > 0) expected.push({ atMs, order })
      else {
        timer.cancel()
        timer.cancel()
      }
    }
    expected.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    assert.equal(timers.size, expected.length)
    assert.equal(timers.nextAtMs, expected[0]?.atMs)
    for (let due = timers.take(20); due; due = timers.take(20)) due.fn()
    assert.deepEqual(
      fired,
      expected.map(({ order }) => order)
    )
  }
})

test('what is due later stays', () => {
  const timers = new Timers()
  timers.add(10, () => {})
  assert.equal(timers.take(9), undefined)
  assert.equal(timers.size, 1)
  assert.equal(timers.take(10)?.atMs, 10)
  assert.equal(timers.nextAtMs, undefined)
})

test('a timer that has fired cannot be cancelled any more', () => {
  const timers = new Timers()
  const first = timers.add(1, () => {})
  timers.add(2, () => {})
  timers.take(1)
  first.cancel()
  assert.equal(timers.size, 1)
})
