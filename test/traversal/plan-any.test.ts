import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { REASONS } from '../../src/traversal/attempt.ts'
import { type Plan, type PlanStep, plan } from '../../src/traversal/plan.ts'
import { BUILT_IN } from '../../src/traversal/techniques/index.ts'
import type { NetworkSummary, TransportSummary } from '../../src/wire/summary.ts'

const BEHAVIOURS = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const
const ADDRESSES = ['11.1.0.10', '11.2.0.10', '2001:4860:1:2::10', '2001:4860:1:2::11', '2001:4860:1:3::10']

const orNull = <T>(...values: readonly T[]) => fc.constantFrom(null, ...values)

/** All that may come over the wire, contradictions included. */
const transport: fc.Arbitrary<TransportSummary> = fc.record({
  ok: fc.constantFrom(true, true, true, false),
  translated: orNull(true, false),
  mapping: orNull(...BEHAVIOURS),
  filtering: orNull(...BEHAVIOURS),
  allocation: orNull<TransportSummary['allocation'] & string>('preserving', 'sequential', 'random'),
  step: orNull(-16, -1, 0, 1, 16),
  hairpin: orNull(true, false)
})

const summary: fc.Arbitrary<NetworkSummary> = fc.record({
  udp4: transport,
  udp6: transport,
  tcp4: transport,
  tcp6: transport,
  publicAddresses: fc.subarray(ADDRESSES, { maxLength: 4 }),
  mapped: fc.boolean(),
  reachability: fc.constantFrom('public', 'private', 'unknown'),
  uplinks: fc.integer({ min: 0, max: 16 })
})

const network = fc.option(summary, { nil: undefined, freq: 10 })
const peer = fc.constantFrom('link', 'foreign')
const names = BUILT_IN.map(({ name }) => name)
const worked = fc.constantFrom(undefined, undefined, ...names, 'no such one')
const RUNS = { seed: 6, numRuns: 4_000 }

const stepOf = ({ steps }: Plan, name: string): PlanStep => steps.find(({ technique }) => technique === name)!
const verdict = ({ action, startMs }: PlanStep) => ({ action, startMs })
const isTaken = ({ action }: PlanStep) => action === 'take'

describe('of any two reports', () => {
  it('each technique has one step with a reason; the relay begins, what is taken follows in order, what is not comes last', () => {
    fc.assert(
      fc.property(network, network, peer, worked, (mine, theirs, kind, before) => {
        const { steps } = plan(mine, theirs, { techniques: BUILT_IN, peer: kind, worked: before })
        assert.deepEqual(steps.map(({ technique }) => technique).toSorted(), names.toSorted())
        assert.deepEqual(steps[0], { technique: 'relay', action: 'take', why: 'fallback', startMs: 0 })
        for (const { why, action, startMs } of steps) {
          assert.ok(Object.hasOwn(REASONS, why))
          assert.ok(action === 'take' || startMs === 0)
        }
        const taken = steps.filter(isTaken)
        assert.deepEqual(taken, steps.slice(0, taken.length))
        const starts = taken.map(({ startMs }) => startMs)
        assert.deepEqual(
          starts,
          starts.toSorted((a, b) => a - b)
        )
        assert.ok(starts.at(-1)! <= 10_000)
      }),
      { ...RUNS, numRuns: 10_000 }
    )
  })

  it('both sides come to the same: what takes both begins on both at the same time', () => {
    fc.assert(
      fc.property(network, network, worked, (mine, theirs, before) => {
        const options = { techniques: BUILT_IN, peer: 'link', worked: before } as const
        const [ours, others] = [plan(mine, theirs, options), plan(theirs, mine, options)]
        for (const name of ['local', 'punch-quic', 'punch-tcp', 'predict', 'birthday']) {
          assert.deepEqual(verdict(stepOf(ours, name)), verdict(stepOf(others, name)), name)
        }
        // what worked here the last time was the other one there
        if (before === 'direct' || before === 'reverse') return
        assert.deepEqual(verdict(stepOf(ours, 'direct')), verdict(stepOf(others, 'reverse')))
        assert.deepEqual(verdict(stepOf(ours, 'reverse')), verdict(stepOf(others, 'direct')))
      }),
      RUNS
    )
  })

  it('nothing waits for what is passed over', () => {
    fc.assert(
      fc.property(network, network, worked, (mine, theirs, before) => {
        const { steps } = plan(mine, theirs, { techniques: BUILT_IN, peer: 'link', worked: before })
        const taken = new Set(steps.filter(isTaken).map(({ technique }) => technique))
        const techniques = BUILT_IN.filter(({ name }) => taken.has(name))
        const again = plan(mine, theirs, { techniques, peer: 'link', worked: before })
        assert.deepEqual(again.steps, steps.filter(isTaken))
      }),
      RUNS
    )
  })

  it('a guess is made at most one way, and never where a punch or a dial works for certain', () => {
    fc.assert(
      fc.property(network, network, (mine, theirs) => {
        const result = plan(mine, theirs, { techniques: BUILT_IN, peer: 'link' })
        const guesses = ['predict', 'birthday'].filter(name => isTaken(stepOf(result, name)))
        if (guesses.length === 0) return
        assert.equal(guesses.length, 1)
        const punch = stepOf(result, 'punch-quic')
        assert.ok(!isTaken(punch) || punch.why === 'not-known')
        for (const side of [mine, theirs]) {
          assert.ok(side?.udp4.ok === true && side.uplinks <= 1)
          assert.ok(side.udp4.translated === false || side.udp4.mapping != null)
        }
      }),
      RUNS
    )
  })

  it('to know less never turns off what is cheap', () => {
    const cheap = ['direct', 'reverse', 'local', 'punch-quic', 'punch-tcp']
    const forget = fc.record({
      transport: fc.constantFrom('udp4', 'udp6', 'tcp4', 'tcp6'),
      field: fc.constantFrom('mapping', 'filtering', 'hairpin', 'translated', 'allocation')
    })
    fc.assert(
      fc.property(summary, network, fc.array(forget, { minLength: 1, maxLength: 4 }), (mine, theirs, forgotten) => {
        const less = structuredClone(mine) as { -readonly [K in keyof NetworkSummary]: NetworkSummary[K] }
        for (const { transport: of, field } of forgotten) {
          // of TCP nobody has ever known more than that its connections are tracked
          if (field !== 'filtering' || of.startsWith('udp')) less[of] = { ...less[of], [field]: null }
        }
        const options = { techniques: BUILT_IN, peer: 'link' } as const
        const full = plan(mine, theirs, options)
        for (const [what, known] of [
          ['forgotten', less],
          ['nothing', undefined]
        ] as const) {
          const partial = plan(known, theirs, options)
          for (const name of cheap) {
            const lost = isTaken(stepOf(full, name)) && !isTaken(stepOf(partial, name))
            assert.ok(!lost, `${name}, ${what}: ${stepOf(full, name).why}, then ${stepOf(partial, name).why}`)
          }
        }
      }),
      RUNS
    )
  })
})
