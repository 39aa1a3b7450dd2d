import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../src/core/random.ts'
import { type ChoosablePath, choose, RIVALRY, type Rival, smoothRtt } from '../../../src/traversal/paths/choose.ts'
import { NOW, path } from './choosable.ts'

const anyPath = fc.record({
  kind: fc.constantFrom('direct', 'relay'),
  transport: fc.constantFrom('udp', 'tcp', 'relay'),
  scope: fc.constantFrom('lan', 'wan'),
  family: fc.constantFrom(4, 6),
  validated: fc.boolean(),
  trustedUntilMs: fc.constantFrom(NOW - 1, NOW, NOW + 1, NOW + 2),
  rttMs: fc.option(fc.oneof(fc.nat(100), fc.double({ min: 0, max: 1_000, noNaN: true })), { nil: undefined }),
  rttSamples: fc.nat(20),
  validatedAtMs: fc.nat(NOW),
  lapses: fc.nat(6)
})
const anyPaths = fc
  .array(anyPath, { maxLength: 8 })
  .map(all => all.map((one, index) => path(`p${index}`, one as Omit<ChoosablePath, 'id'>)))
const anyCurrent = fc.option(
  fc.nat(9).map(index => `p${index}`),
  { nil: undefined }
)
const anyRival = fc.option(
  fc.record({
    id: fc.nat(8).map(index => `p${index}`),
    current: fc.nat(8).map(index => `p${index}`),
    sinceMs: fc.constantFrom(0, NOW - RIVALRY.ms, NOW),
    samples: fc.nat(10),
    currentSamples: fc.nat(10)
  }),
  { nil: undefined }
)

test('what is not validated and trusted is never chosen while something is', () => {
  const good = (one: ChoosablePath) => one.validated && one.trustedUntilMs > NOW
  fc.assert(
    fc.property(anyPaths, anyCurrent, anyRival, (paths, current, rival) => {
      const { use } = choose(paths, current, NOW, rival)
      const used = paths.find(one => one.id === use)
      assert.equal(used != null && good(used), paths.some(good))
      assert.ok(used == null || used.validated || use === current)
    }),
    { numRuns: 5_000 }
  )
})

test('a choice stands: made again with its answer in use, it is the same, and in whatever order the paths are told', () => {
  fc.assert(
    fc.property(anyPaths, anyCurrent, anyRival, fc.nat(), (paths, current, rival, seed) => {
      const choice = choose(paths, current, NOW, rival)
      if (choice.use == null) return
      const again = choose(paths, choice.use, NOW, choice.rival)
      assert.equal(again.use, choice.use)
      const random = seededRandom(seed)
      const shuffled = paths.map(one => [random.int(0, 1_000), one] as const).sort((a, b) => a[0] - b[0])
      assert.deepEqual(
        choose(
          shuffled.map(([, one]) => one),
          current,
          NOW,
          rival
        ),
        choice
      )
    }),
    { numRuns: 5_000 }
  )
})

/** Two ways with the same distribution of RTTs, measured for an hour: how often the link would change between them. */
function changesInAnHour(seed: number, everyMs: number, sigma: number, others: Partial<ChoosablePath> = {}): number {
  const random = seededRandom(seed)
  const uniform = () => random.int(1, 1_000_000) / 1_000_001
  // Box-Muller; the logarithm of the RTT is normal, as it is about so on the internet
  const rttMs = () => 40 * Math.exp(sigma * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()))
  let paths = [
    path('a', { rttMs: undefined, rttSamples: 0 }),
    path('b', { rttMs: undefined, rttSamples: 0, ...others })
  ]
  let current: string | undefined
  let rival: Rival | undefined
  let changes = -1
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += everyMs) {
    paths = paths.map(one => ({
      ...one,
      rttMs: smoothRtt(one.rttMs, rttMs()),
      rttSamples: one.rttSamples + 1,
      trustedUntilMs: nowMs + 1
    }))
    const choice = choose(paths, current, nowMs, rival)
    if (choice.use !== current) changes++
    current = choice.use
    rival = choice.rival
  }
  return changes
}

const jitters: ReadonlyArray<readonly [string, number, number, Partial<ChoosablePath>, number]> = [
  ['measured each second', 1_000, 0.3, {}, 0],
  ['measured each 15 seconds', 15_000, 0.3, {}, 0],
  // each may go to the preferred one once, and the way back is long
  ['IPv4 and IPv6, each second', 1_000, 0.3, { family: 6 }, 1],
  ['IPv4 and IPv6, each 15 seconds', 15_000, 0.3, { family: 6 }, 1],
  ['LAN and WAN, each second', 1_000, 0.3, { scope: 'lan' }, 1]
]
for (const [what, everyMs, sigma, others, most] of jitters) {
  test(`an hour of jitter on two equal paths, ${what}: at most ${most} changes, whatever the seed`, () => {
    const changes = Array.from({ length: 20 }, (_, seed) => changesInAnHour(seed, everyMs, sigma, others))
    assert.ok(
      changes.every(count => count <= most),
      `changes by seed: ${changes.join(' ')}`
    )
  })
}

test('a path that is really better is taken within a minute, when measured each second, and once', () => {
  assert.equal(changesInAnHour(1, 1_000, 0.1), 0)
  let current: string | undefined = 'a'
  let rival: Rival | undefined
  const changes: number[] = []
  for (let second = 0; second < 600; second++) {
    const nowMs = NOW + second * 1_000
    const seen = { rttSamples: second, trustedUntilMs: nowMs + 1 }
    const choice = choose([path('a', { ...seen, rttMs: 80 }), path('b', { ...seen, rttMs: 40 })], current, nowMs, rival)
    if (choice.use !== current) changes.push(second)
    current = choice.use
    rival = choice.rival
  }
  assert.deepEqual(changes, [30])
})
