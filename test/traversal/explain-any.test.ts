import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Attempt, REASONS, type Reason } from '../../src/traversal/attempt.ts'
import { CONCLUSIONS } from '../../src/traversal/explain/conclusion.ts'
import { HELP } from '../../src/traversal/explain/help.ts'
import { explanationText } from '../../src/traversal/explain/text.ts'
import { type Explanation, explanationOf, type Facts, type Help } from '../../src/traversal/explain.ts'
import { plan } from '../../src/traversal/plan.ts'
import { BUILT_IN } from '../../src/traversal/techniques/index.ts'
import type { NetworkSummary, TransportSummary } from '../../src/wire/summary.ts'

const BEHAVIOURS = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent', null] as const

const transport: fc.Arbitrary<TransportSummary> = fc.record({
  ok: fc.boolean(),
  translated: fc.constantFrom(true, false, null),
  mapping: fc.constantFrom(...BEHAVIOURS),
  filtering: fc.constantFrom(...BEHAVIOURS),
  allocation: fc.constantFrom('preserving', 'sequential', 'random', null),
  step: fc.constantFrom(1, -2, null),
  hairpin: fc.constantFrom(true, false, null)
})

const network: fc.Arbitrary<NetworkSummary> = fc.record({
  udp4: transport,
  udp6: transport,
  tcp4: transport,
  tcp6: transport,
  publicAddresses: fc.subarray(['11.1.0.10', '11.2.0.10', '2a0b:beef:2:1::10']),
  mapped: fc.boolean(),
  reachability: fc.constantFrom('public', 'private', 'unknown'),
  uplinks: fc.nat(3)
})

const attempt: fc.Arbitrary<Attempt> = fc.record(
  {
    technique: fc.oneof(fc.constantFrom('punch-quic', 'birthday', 'local', 'relay', 'toString'), fc.string()),
    outcome: fc.constantFrom('ok', 'failed', 'skipped'),
    reason: fc.oneof(fc.constantFrom(...(Object.keys(REASONS) as Reason[])), fc.constant('valueOf' as Reason)),
    ms: fc.double({ min: 0, max: 1e7, noNaN: true }),
    detail: fc.string({ unit: 'binary' })
  },
  { requiredKeys: ['technique', 'outcome', 'reason', 'ms'] }
)

const RELAYED = { kind: 'relay', transport: 'quic', remote: '11.0.0.1:4001', technique: 'relay' } as const

/** Two networks, what is planned between them, and everything that was taken has failed. */
function inVain(mine: NetworkSummary | null, theirs: NetworkSummary | null): Explanation {
  const { steps } = plan(mine ?? undefined, theirs ?? undefined, { techniques: BUILT_IN, peer: 'link' })
  const attempts = steps
    .filter(({ technique }) => technique !== 'relay')
    .map(({ technique, action, why }): Attempt => {
      return action === 'take'
        ? { technique, outcome: 'failed', reason: 'no-answer', ms: 10 }
        : { technique, outcome: 'skipped', reason: why, ms: 0 }
    })
  return explanationOf({ peer: 'bob', path: RELAYED, mine, theirs, plan: steps, attempts })
}

const optional = fc.option(network)

describe('an explanation of whatever two peers say of their networks', () => {
  it('is one of the known conclusions, with known help, in lines for people that move no cursor', () => {
    const path = fc.constantFrom(RELAYED, { ...RELAYED, kind: 'direct' } as const, null)
    fc.assert(
      fc.property(optional, optional, fc.array(attempt), path, (mine, theirs, attempts, path) => {
        const { steps } = plan(mine ?? undefined, theirs ?? undefined, { techniques: BUILT_IN, peer: 'foreign' })
        const facts: Facts = { peer: 'bob', path, mine, theirs, plan: steps, attempts }
        const explanation = explanationOf(facts)
        assert.ok(Object.hasOwn(CONCLUSIONS, explanation.conclusion.code))
        assert.ok(explanation.help.every(({ code, text }) => HELP[code].text === text))
        assert.equal(explanation.conclusion.code === 'direct', path?.kind === 'direct')
        assert.equal(explanation.conclusion.code === 'not-connected', path == null)
        if (path?.kind === 'direct') assert.deepEqual(explanation.help, [])
        assert.match(explanationText(explanation), /^(?:[^\p{Cc}\p{Cf}]|\n)+$/u)
      })
    )
  })

  it('says on both sides the same, each from where it sits', () => {
    const mirrored = ({ code, where }: Help) =>
      [code, where === 'hub' ? 'hub' : where === 'mine' ? 'theirs' : 'mine'].join()
    const asIs = ({ code, where }: Help) => [code, where].join()
    // one router is the same wherever one sits
    const isOne = ({ code }: Help) => code !== 'neighbours-meet'
    fc.assert(
      fc.property(optional, optional, (mine, theirs) => {
        const [here, there] = [inVain(mine, theirs), inVain(theirs, mine)]
        assert.equal(here.conclusion.code, there.conclusion.code)
        assert.deepEqual(
          here.help.filter(isOne).map(mirrored).toSorted(),
          there.help.filter(isOne).map(asIs).toSorted()
        )
      })
    )
  })

  it('blames the networks, and nobody is left without something to do who is behind a NAT', () => {
    fc.assert(
      fc.property(optional, optional, (mine, theirs) => {
        const { conclusion, help } = inVain(mine, theirs)
        assert.ok(!['failed', 'trying', 'not-tried', 'lost'].includes(conclusion.code), conclusion.code)
        const closed = [mine, theirs].some(each => each?.udp4.ok && each.udp4.translated && !each.mapped)
        const isPublic = [mine, theirs].some(each => each?.reachability === 'public')
        if (closed && !isPublic) assert.ok(help.length > 0, conclusion.text)
      })
    )
  })
})
