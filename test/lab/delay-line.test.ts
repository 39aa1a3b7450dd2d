import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkSpec } from '../../lab/spec.ts'
import { DelayLine, LINE_CAPACITY } from '../../lab/wire/delay-line.ts'
import { seededRandom } from '../../src/core/random.ts'

const line = (link: LinkSpec, seed = 1) => new DelayLine(seededRandom(seed), link)

/** All that arrives until then, in order. */
function drain(line: DelayLine, nowMs = Number.POSITIVE_INFINITY): number[] {
  const slots: number[] = []
  for (let slot = line.take(nowMs); slot >= 0; slot = line.take(nowMs)) slots.push(slot)
  return slots
}

test('holds each packet for the delay, in order', () => {
  const link = line({ delayMs: 20 })
  assert.equal(link.nextAtMs, Number.POSITIVE_INFINITY)
  // many at the same instant: the heap alone would not keep their order
  for (let i = 0; i < 200; i++) link.offer(100 + Math.floor(i / 50), i, 1000)
  assert.equal(link.nextAtMs, 120)
  assert.deepEqual(drain(link, 119.999), [])
  assert.deepEqual(
    drain(link, 121),
    Array.from({ length: 100 }, (_, i) => i)
  )
  assert.deepEqual(
    drain(link),
    Array.from({ length: 100 }, (_, i) => 100 + i)
  )
})

test('jitter stays within its bounds and lets packets overtake', () => {
  const link = line({ delayMs: 20, jitterMs: 5 })
  for (let i = 0; i < 1000; i++) link.offer(0, i, 1000)
  assert.ok(link.nextAtMs >= 15 && link.nextAtMs < 15.5, `${link.nextAtMs}`)
  assert.deepEqual(drain(link, 14.999), [])
  const slots = drain(link, 25)
  assert.equal(slots.length, 1000)
  assert.notDeepEqual(
    slots,
    slots.toSorted((a, b) => a - b)
  )
})

test('jitter beyond the delay does not go back in time', () => {
  const link = line({ delayMs: 1, jitterMs: 50 })
  for (let i = 0; i < 100; i++) link.offer(1000, i, 1000)
  assert.equal(link.nextAtMs, 1000)
})

test('loses the given share, the same packets with the same seed', () => {
  const lost = (seed: number) => {
    const link = line({ lossPercent: 10 }, seed)
    return Array.from({ length: 2000 }, (_, i) => i).filter(i => {
      const taken = link.offer(0, i, 1000)
      drain(link)
      return !taken
    })
  }
  // 200 expected; 5 standard deviations of a binomial are 67
  assert.ok(Math.abs(lost(1).length - 200) < 67, `${lost(1).length}`)
  assert.deepEqual(lost(1), lost(1))
  assert.notDeepEqual(lost(1), lost(2))
  const none = line({ lossPercent: 100 })
  assert.equal(none.offer(0, 0, 1000), false)
})

test('a rate spaces packets out, and drops those that would wait too long', () => {
  // 1,000 bytes are 8 ms at 1 Mbit/s
  const link = line({ rateMbit: 1, delayMs: 20 })
  const taken = Array.from({ length: 50 }, (_, i) => link.offer(0, i, 1000)).filter(Boolean).length
  assert.equal(taken, 13, 'a buffer of 100 ms')
  assert.deepEqual(drain(link, 28), [0])
  assert.deepEqual(drain(link, 35.9), [])
  assert.deepEqual(drain(link, 36), [1])
  assert.equal(link.offer(500, 99, 1000), true, 'and it takes more when it has sent')
})

test('is bounded', () => {
  const link = line({ delayMs: 1000 })
  for (let i = 0; i < LINE_CAPACITY; i++) assert.equal(link.offer(0, i, 1), true)
  assert.equal(link.offer(0, 1, 1), false)
  assert.equal(drain(link).length, LINE_CAPACITY)
})

test('a change holds for later packets', () => {
  const link = line({ delayMs: 50 })
  link.offer(0, 1, 1000)
  link.change({})
  link.offer(10, 2, 1000)
  assert.deepEqual(drain(link, 10), [2])
  assert.deepEqual(drain(link, 50), [1])
})
