import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  foresee,
  portAhead,
  portsBetween,
  type Samples,
  seemsToKeepParity,
  stepsBetween
} from '../../../src/traversal/techniques/predict-ports.ts'

test('ports end at 65,535 and begin at 1,024', () => {
  assert.equal(portAhead(65_535, 1), 1_024)
  assert.equal(portAhead(1_024, -1), 65_535)
  assert.equal(portAhead(65_534, 6), 1_028)
  assert.equal(portAhead(5_000, -3), 4_997)
})

const BETWEEN: ReadonlyArray<readonly [string, number, number, number, number, readonly number[]]> = [
  ['one port lies between', 5_000, 5_002, 1, 5, [5_001, 5_003, 4_999, 5_004, 4_998]],
  ['counting down', 5_002, 5_000, -1, 3, [5_001, 4_999, 5_003]],
  ['a step of 2, and one for parity', 5_000, 5_004, 2, 5, [5_002, 5_001, 5_003, 5_006, 4_998]],
  ['much traffic: from both ends', 5_000, 5_100, 1, 6, [5_001, 5_099, 5_002, 5_098, 5_003, 5_097]],
  ['over the end', 65_534, 1_025, 1, 4, [65_535, 1_024, 1_026, 65_533]],
  ['nothing lies between', 5_000, 5_001, 1, 3, [5_002, 4_999, 5_003]],
  ['a range that ends before 65,535', 40_200, 40_001, 1, 4, [40_201, 40_000, 40_202, 39_999]]
]

for (const [name, first, last, step, most, expected] of BETWEEN) {
  test(`between two mappings: ${name}`, () => assert.deepEqual(portsBetween(first, last, step, most), expected))
}

test('steps are counted as the counter goes', () => {
  assert.equal(stepsBetween(5_000, 5_002, 1), 2)
  assert.equal(stepsBetween(5_002, 5_000, -1), 2)
  assert.equal(stepsBetween(5_000, 5_005, 2), 3)
  assert.equal(stepsBetween(65_535, 1_024, 1), 1)
})

test('whatever the ends, so many different ports are named as are asked for, none below 1,024', () => {
  const port = fc.integer({ min: 1, max: 65_535 })
  const step = fc.integer({ min: -16, max: 16 }).filter(each => each !== 0)
  fc.assert(
    fc.property(port, port, step, fc.integer({ min: 1, max: 64 }), (first, last, by, most) => {
      const ports = portsBetween(first, last, by, most)
      assert.equal(ports.length, most)
      assert.equal(new Set(ports).size, most)
      assert.ok(ports.every(each => each >= 1_024 && each <= 65_535))
    }),
    { seed: 1, numRuns: 500 }
  )
})

const at = (ports: readonly number[], step: number | null = null, own?: number): Samples => ({ ports, own, step })

const FORESEEN: ReadonlyArray<readonly [string, Samples, boolean, { port: number; step: number } | undefined]> = [
  ['nothing was seen', at([]), false, undefined],
  ['one, of a known step', at([5_000], 2), false, { port: 5_002, step: 2 }],
  ['one alone', at([5_000]), false, { port: 5_001, step: 1 }],
  ['a row', at([5_000, 5_001, 5_002]), false, { port: 5_003, step: 1 }],
  ['others in between', at([5_000, 5_002, 5_010]), false, { port: 5_012, step: 2 }],
  ['counting down', at([5_000, 4_999, 4_996]), false, { port: 4_995, step: -1 }],
  ['packets overtook each other', at([5_001, 5_000, 5_002], 1), false, { port: 5_003, step: 1 }],
  ['the last one is not the furthest', at([5_000, 5_002, 5_001], 1), false, { port: 5_003, step: 1 }],
  ['over the end', at([65_533, 65_535, 1_025], 2), false, { port: 1_027, step: 2 }],
  ['parity, the next one has the right one', at([5_000, 5_001], 1, 5_000), true, { port: 5_002, step: 2 }],
  ['parity, the next one has the wrong one', at([5_000, 5_002], 1, 5_000), true, { port: 5_004, step: 2 }],
  ['parity, of an even step', at([5_000, 5_003], 2, 5_000), true, { port: 5_006, step: 2 }]
]

for (const [name, samples, parity, expected] of FORESEEN) {
  test(`what comes next: ${name}`, () => assert.deepEqual(foresee(samples, parity), expected))
}

test('a port further now and then is for parity', () => {
  assert.equal(seemsToKeepParity(at([5_000, 5_001, 5_002], 1)), false)
  assert.equal(seemsToKeepParity(at([5_000, 5_001, 5_003], 1)), true)
  assert.equal(seemsToKeepParity(at([5_000, 5_003], 2)), true)
  assert.equal(seemsToKeepParity(at([5_000, 5_004], 2)), false)
  assert.equal(seemsToKeepParity(at([5_000, 5_003])), false)
})

/** Two NATs that count, with others' mappings at given moments, and nothing of the network between. */
function meets(a: readonly number[], b: readonly number[]): boolean {
  const [p, q, s, t] = [20_000, 40_000, 1, 2]
  const mine = new Map<number, number>()
  a.forEach((drift, i) => {
    mine.set(portAhead(p, (i + drift) * s), portAhead(q, i * t))
  })
  return b.some((drift, j) => mine.get(portAhead(p, 2 * j * s)) === portAhead(q, (j + drift) * t))
}

test('two counters meet whatever others took before, and while fewer are taken than we send', () => {
  const growing = (length: number) =>
    fc
      .tuple(
        fc.integer({ min: 0, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length })
      )
      .map(([start, moments]) => {
        let drift = start
        // one packet of others for ten of ours
        return moments.map(moment => (moment === 0 ? ++drift : drift))
      })
  fc.assert(
    fc.property(growing(192), growing(128), (a, b) => assert.ok(meets(a, b))),
    { seed: 1, numRuns: 1_000 }
  )
})

test('both with a stride of one meet only by luck: that is why one side takes every second', () => {
  const [p, q] = [20_000, 40_000]
  const sent = new Map(Array.from({ length: 64 }, (_, i) => [p + i + 3, q + i]))
  assert.ok(!Array.from({ length: 64 }, (_, j) => sent.get(p + j) === q + j + 5).includes(true))
})
