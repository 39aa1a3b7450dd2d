import { atMost, count, malformed, sized, within } from './fields.ts'

/** A step of a plan, as one side proposes it. */
export interface ProposedStep {
  readonly technique: string
  /** From when a side knows the plan; what needs both sides also waits for the agreement. */
  readonly startMs: number
}

/** A step that a side does not take part in. */
export interface RefusedStep {
  readonly technique: string
  /** A code, as those of {@link REASONS} in traversal/attempt.ts; of a later version, or of a user's technique, any other. */
  readonly reason: string
}

/** What the side that decides proposes. */
export interface PlanProposal {
  /** Higher with each plan. */
  readonly round: number
  /** At most {@link MAX_STEPS}, each technique once. */
  readonly steps: readonly ProposedStep[]
}

/** What the other side makes of the plan of that round. A step that is in neither list is refused. */
export interface Agreement {
  readonly round: number
  readonly takes: readonly string[]
  readonly refuses: readonly RefusedStep[]
}

/** What a technique tells itself on the other side. */
export interface TechniqueMessage {
  readonly technique: string
  /** Of the plan that the attempt is a step of. */
  readonly round: number
  /** 1 to {@link MAX_TECHNIQUE_BYTES}. */
  readonly bytes: Uint8Array
}

/** Twice the techniques that this version has. */
export const MAX_STEPS = 16
export const MAX_START_MS = 600_000
export const MAX_TECHNIQUE_BYTES = 1_024

/** Names of techniques, and codes of reasons. */
const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/

export type WirePlan = Partial<Omit<PlanProposal, 'steps'>> & { readonly steps: readonly Partial<ProposedStep>[] }
export type WireAgreement = Partial<Pick<Agreement, 'round'>> & {
  readonly takes: readonly string[]
  readonly refuses: readonly Partial<RefusedStep>[]
}
export type WireTechnique = Partial<TechniqueMessage>

const counter = (id: number) => ({ type: 'uint64', id })
const text = (id: number) => ({ type: 'string', id })

/** For the definition of the message that has these in it. */
export const planTypes = {
  Plan: {
    edition: 'proto2',
    fields: { round: counter(1), steps: { rule: 'repeated', type: 'Step', id: 2 } },
    nested: { Step: { edition: 'proto2', fields: { technique: text(1), startMs: { type: 'uint32', id: 2 } } } }
  },
  Agree: {
    edition: 'proto2',
    fields: {
      round: counter(1),
      takes: { rule: 'repeated', ...text(2) },
      refuses: { rule: 'repeated', type: 'Refused', id: 3 }
    },
    nested: { Refused: { edition: 'proto2', fields: { technique: text(1), reason: text(2) } } }
  },
  Technique: {
    edition: 'proto2',
    fields: { technique: text(1), round: counter(2), bytes: { type: 'bytes', id: 3 } }
  }
}

export function checkedPlan({ round, steps }: WirePlan): PlanProposal {
  const checked = atMost(steps, MAX_STEPS, 'steps').map(({ technique, startMs }) => {
    return { technique: name(technique), startMs: within(startMs, 0, MAX_START_MS, 'start') }
  })
  eachOnce(checked.map(({ technique }) => technique))
  return { round: count(round), steps: checked }
}

export function checkedAgreement({ round, takes, refuses }: WireAgreement): Agreement {
  atMost([...takes, ...refuses], MAX_STEPS, 'steps')
  const taken = takes.map(name)
  const refused = refuses.map(({ technique, reason }) => ({ technique: name(technique), reason: name(reason) }))
  eachOnce([...taken, ...refused.map(({ technique }) => technique)])
  return { round: count(round), takes: taken, refuses: refused }
}

export function checkedTechnique({ technique, round, bytes }: WireTechnique): TechniqueMessage {
  return {
    technique: name(technique),
    round: count(round),
    bytes: sized(bytes, 1, MAX_TECHNIQUE_BYTES, 'message of a technique')
  }
}

function name(value: string | undefined): string {
  if (value == null || !NAME.test(value)) throw malformed('a name that no technique or reason can have')
  return value
}

/** Messages and answers name a step by its technique. */
function eachOnce(techniques: readonly string[]): void {
  if (new Set(techniques).size < techniques.length) throw malformed('a technique that is named twice')
}
