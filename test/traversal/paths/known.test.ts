import assert from 'node:assert/strict'
import test from 'node:test'
import { suspicionMs } from '../../../src/traversal/paths/choose.ts'
import { type Known, measured } from '../../../src/traversal/paths/known.ts'
import { answered } from '../../../src/traversal/paths/trust.ts'
import { knownPath } from './choosable.ts'

/** When a check left, and after how long it was answered. */
type Sample = readonly [sentAtMs: number, rttMs: number]

function told(known: Known, samples: readonly Sample[]): Known {
  const inOrder = samples.toSorted((a, b) => a[0] + a[1] - (b[0] + b[1]))
  for (const [sentAtMs, rttMs] of inOrder) {
    measured(known, { sentAtMs, rttMs })
    answered(known, sentAtMs + rttMs)
  }
  return known
}

const each = (count: number, everyMs: number, rttMs: number, fromMs = 0): Sample[] =>
  Array.from({ length: count }, (_, i) => [fromMs + i * everyMs, rttMs])
/** A minute at 20 ms. */
const steady = each(30, 2_000, 20)

/** What it says, the answers, what comes of them: smoothed, how many measurements, the last one. */
const rows: readonly (readonly [string, readonly Sample[], number, number, number])[] = [
  ['the first one counts as it is', [[0, 80]], 80, 1, 80],
  ['the mean moves by an eighth', [...steady, [60_000, 100]], 30, 31, 100],
  ['one that came after a stall counts as what makes it suspect', [...steady, [60_000, 8_000]], 80, 31, 8_000],
  ['so does the first one of all', [[0, 8_000]], 500, 1, 8_000],
  [
    'of all that were held up together one counts',
    [...steady, ...[0, 100, 250, 500, 750, 1_000].map((ms): Sample => [60_000 + ms, 4_000 - ms])],
    80,
    31,
    3_000
  ],
  ['of those that were under way together the first', [...steady, ...each(5, 1, 20, 60_000)], 20, 31, 20],
  ['each that left after an answer', [...steady, ...each(5, 21, 20, 60_000)], 20, 35, 20]
]

for (const [name, samples, rttMs, count, lastMs] of rows) {
  test(`round trips: ${name}`, () => {
    const known = told(knownPath(), samples)
    assert.deepEqual([known.rttMs, known.rttSamples, known.lastRttMs], [rttMs, count, lastMs])
  })
}

test('round trips: a way that has really become longer is believed, however much longer it is', () => {
  for (const rttMs of [100, 800, 3_000, 9_000]) {
    const known = told(knownPath(), [...steady, ...each(60, 10_000, rttMs, 60_000)])
    assert.ok(known.rttMs! > 0.95 * rttMs, `${known.rttMs} of ${rttMs}`)
  }
})

test('round trips: after one stall, a path in use is suspected as soon as before', () => {
  const known = told(knownPath(), [...steady, [60_000, 8_000]])
  assert.equal(suspicionMs(known.rttMs), suspicionMs(20))
})
