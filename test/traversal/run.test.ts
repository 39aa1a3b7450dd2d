import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep, VirtualClock } from '../../src/core/clock.ts'
import type { Attempt, Reason } from '../../src/traversal/attempt.ts'
import type { PlanStep } from '../../src/traversal/plan.ts'
import { RUN, type RunInit, run } from '../../src/traversal/run.ts'
import type { AttemptContext, AttemptResult, Technique } from '../../src/traversal/technique.ts'

const OK: AttemptResult = { outcome: 'ok', reason: 'connected' }
const FAILED: AttemptResult = { outcome: 'failed', reason: 'no-answer', detail: 'nothing' }

type Doing = (context: AttemptContext, clock: VirtualClock) => Promise<AttemptResult>

interface Act {
  readonly startMs?: number
  readonly skip?: Reason
  readonly sides?: 'one' | 'both'
  readonly typicalMs?: number
  readonly attempt?: Doing
}

const takes = (ms: number, result: AttemptResult): Doing => {
  return async ({ signal }, clock) => {
    await sleep(clock, ms, signal)
    return result
  }
}

/** Runs a plan in virtual time, and tells when each thing happened. */
function stage(
  acts: Readonly<Record<string, Act>>,
  agreedOf: (clock: VirtualClock) => RunInit['agreed'] = () => async () => undefined
) {
  const clock = new VirtualClock()
  const direct = new AbortController()
  const over = new AbortController()
  const told: (Attempt & { atMs: number })[] = []
  const began: [string, number][] = []
  const released: string[] = []
  const techniqueOf = (name: string): Technique | undefined => {
    const act = acts[name]
    if (act?.attempt == null) return undefined
    const { sides = 'one', typicalMs = 100, attempt } = act
    const fits = () => ({ fits: true, why: 'not-known' }) as const
    return { name, cost: 1, typicalMs, sides, fits, attempt: context => attempt(context, clock) }
  }
  const steps = Object.entries(acts).map(
    ([technique, { startMs = 0, skip }]): PlanStep => ({
      technique,
      action: skip == null ? 'take' : 'skip',
      why: skip ?? 'not-known',
      startMs
    })
  )
  const ended = run({
    steps,
    techniqueOf,
    clock,
    direct: direct.signal,
    signal: over.signal,
    contextOf: ({ name }, signal) => {
      began.push([name, clock.now()])
      return { context: { signal } as unknown as AttemptContext, release: () => released.push(name) }
    },
    agreed: agreedOf(clock),
    onAttempt: attempt => told.push({ ...attempt, atMs: clock.now() })
  })
  return { clock, direct, over, told, began, released, ended }
}

const brief = (told: readonly Attempt[]) =>
  told.map(({ technique, outcome, reason, ms }) => `${technique} ${outcome} ${reason} ${ms}`)

describe('a plan is carried out', () => {
  it('each step in its turn; what is skipped is told at once, with its reason', async () => {
    const { clock, told, began, ended } = stage({
      a: { attempt: takes(300, FAILED) },
      b: { startMs: 100, attempt: takes(50, FAILED) },
      c: { skip: 'no-transport' }
    })
    await clock.advance(400)
    await ended
    assert.deepEqual(began, [
      ['a', 0],
      ['b', 100]
    ])
    assert.deepEqual(brief(told), ['c skipped no-transport 0', 'b failed no-answer 50', 'a failed no-answer 300'])
    assert.equal(clock.pending, 0)
  })

  it('a direct path: whose it is says so, the others end, and what has not begun never does', async () => {
    const { clock, direct, told, began, released, ended } = stage({
      winner: {
        attempt: async (_, clock) => {
          await sleep(clock, 40)
          direct.abort()
          await sleep(clock, 5)
          return OK
        }
      },
      stubborn: { attempt: () => new Promise(() => {}) },
      obedient: { attempt: takes(1_000, OK) },
      late: { startMs: 500, attempt: takes(1, OK) }
    })
    await clock.advance(40 + RUN.graceMs)
    await ended
    assert.deepEqual(began, [
      ['winner', 0],
      ['stubborn', 0],
      ['obedient', 0]
    ])
    assert.deepEqual(brief(told).toSorted(), [
      'late skipped already-direct 0',
      'obedient skipped already-direct 40',
      'stubborn skipped already-direct 140',
      'winner ok connected 45'
    ])
    assert.deepEqual(released.toSorted(), ['obedient', 'stubborn', 'winner'])
    assert.equal(clock.pending, 0)
  })

  it('a link that is over ends all', async () => {
    const { clock, over, told, ended } = stage({
      a: { attempt: takes(1_000, OK) },
      b: { startMs: 500, attempt: takes(1, OK) }
    })
    await clock.advance(10)
    over.abort()
    await ended
    assert.deepEqual(brief(told).toSorted(), ['a skipped aborted 10', 'b skipped aborted 0'])
    assert.equal(clock.pending, 0)
  })
})

describe('a technique that misbehaves is an attempt with its reason', () => {
  const rows: readonly (readonly [string, Act, number, string, RegExp | undefined])[] = [
    ['rejects', { attempt: async () => Promise.reject(new Error('oops')) }, 0, 'x failed crashed 0', /^oops$/],
    [
      'throws at once',
      {
        attempt: () => {
          throw new Error('bang')
        }
      },
      0,
      'x failed crashed 0',
      /^bang$/
    ],
    ['throws nothing', { attempt: () => Promise.reject(undefined) }, 0, 'x failed crashed 0', /^it threw what is no/],
    [
      'throws what has no text',
      { attempt: () => Promise.reject(Object.create(null)) },
      0,
      'x failed crashed 0',
      /^it threw what is no error$/
    ],
    ['throws words', { attempt: () => Promise.reject('gone fishing') }, 0, 'x failed crashed 0', /^gone fishing$/],
    [
      'throws an error without words',
      { attempt: () => Promise.reject(new TypeError()) },
      0,
      'x failed crashed 0',
      /^TypeError$/
    ],
    ['never ends', { attempt: () => new Promise(() => {}) }, RUN.leastMs, `x failed hung ${RUN.leastMs}`, /15 s/],
    [
      'never ends, and mostly takes long',
      { typicalMs: 4_000, attempt: () => new Promise(() => {}) },
      40_000,
      'x failed hung 40000',
      /40 s/
    ],
    [
      'never ends, and says that it mostly takes hours',
      { typicalMs: 1e9, attempt: () => new Promise(() => {}) },
      RUN.mostMs,
      `x failed hung ${RUN.mostMs}`,
      /60 s/
    ],
    ['answers nothing', { attempt: async () => undefined as never }, 0, 'x failed crashed 0', /no attempt/],
    [
      'answers a reason that nobody knows',
      { attempt: async () => ({ outcome: 'ok', reason: 'toString' }) as never },
      0,
      'x failed crashed 0',
      /no attempt/
    ],
    [
      'tells a novel',
      { attempt: async () => ({ ...FAILED, detail: 'x'.repeat(1e6) }) },
      0,
      'x failed no-answer 0',
      /^x{300}$/
    ]
  ]
  for (const [name, act, ms, expected, detail] of rows) {
    it(name, async () => {
      const { clock, told, released, ended } = stage({ x: act })
      await clock.advance(ms)
      await ended
      assert.deepEqual(brief(told), [expected])
      assert.match(String(told[0]?.detail), detail!)
      assert.deepEqual(released, ['x'], 'what it held is let go')
      assert.equal(clock.pending, 0)
    })
  }

  it('one that nobody knows is passed over', async () => {
    const { told, ended } = stage({ x: {} })
    await ended
    assert.deepEqual(brief(told), ['x skipped unsupported 0'])
  })

  it('what it does after its time is without effect', async () => {
    let resolve: (result: AttemptResult) => void = () => {}
    const { clock, told, ended } = stage({
      x: { attempt: () => new Promise(done => (resolve = done)) }
    })
    await clock.advance(RUN.leastMs)
    await ended
    resolve(OK)
    await clock.advance(1_000)
    assert.equal(told.length, 1)
  })
})

describe('what needs the other side', () => {
  it('waits for its word, which one-sided steps do not', async () => {
    const { clock, told, began, ended } = stage(
      { both: { sides: 'both', attempt: takes(10, FAILED) }, one: { attempt: takes(10, FAILED) } },
      clock => async (_, signal) => {
        await sleep(clock, 80, signal)
        return undefined
      }
    )
    await clock.advance(100)
    await ended
    assert.deepEqual(began, [
      ['one', 0],
      ['both', 80]
    ])
    assert.deepEqual(brief(told), ['one failed no-answer 10', 'both failed no-answer 10'])
  })

  it('is passed over with its reason when the other side refuses', async () => {
    const { told, ended } = stage({ both: { sides: 'both', attempt: takes(10, OK) } }, () => async () => 'busy')
    await ended
    assert.deepEqual(brief(told), ['both skipped busy 0'])
  })
})
