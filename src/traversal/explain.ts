import { NatError } from '../core/errors.ts'
import { type Conclusion, conclude } from './explain/conclusion.ts'
import type { Facts } from './explain/facts.ts'
import { type Help, helpFor } from './explain/help.ts'
import type { LookupFinding } from './explain/lookups.ts'

export type { Conclusion, ConclusionCode } from './explain/conclusion.ts'
export type { ExplainedAttempt, ExplainedPath, ExplainedStep, Facts } from './explain/facts.ts'
export type { Help, HelpCode } from './explain/help.ts'
export type { LookupFinding, LookupOutcome } from './explain/lookups.ts'

/** What was tried in which order, what happened, why, and what would help. Plain JSON: fields may be added, none changes its meaning. */
export interface Explanation extends Omit<Facts, 'error'> {
  readonly lookups: readonly LookupFinding[]
  readonly conclusion: Conclusion
  readonly help: readonly Help[]
}

/** Makes sense of what is known of a connection. Pure. */
export function explanationOf({ error, ...known }: Facts): Explanation {
  const facts: Facts = { ...known, attempts: known.attempts.map(rounded), ...(error == null ? {} : { error }) }
  const conclusion = conclude(facts)
  const { peer, path, mine, theirs, plan, attempts, lookups = [] } = facts
  return {
    peer,
    path,
    mine,
    theirs,
    plan,
    attempts,
    lookups: lookups.map(rounded),
    conclusion,
    help: helpFor(facts, conclusion.code)
  }
}

/** The explanation that an error of ours carries, if it does: those of a connect that did not become what was asked for. */
export function explanationIn(error: unknown): Explanation | undefined {
  return error instanceof NatError ? (error.details?.['explanation'] as Explanation | undefined) : undefined
}

function rounded<T extends { readonly ms: number }>(timed: T): T {
  return { ...timed, ms: Math.round(timed.ms * 10) / 10 }
}
