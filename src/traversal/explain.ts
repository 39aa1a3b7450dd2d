import { NatError } from '../core/errors.ts'
import { type Conclusion, conclude } from './explain/conclusion.ts'
import type { ExplainedAttempt, Facts } from './explain/facts.ts'
import { type Help, helpFor } from './explain/help.ts'

export type { Conclusion, ConclusionCode } from './explain/conclusion.ts'
export type { ExplainedAttempt, ExplainedPath, ExplainedStep, Facts } from './explain/facts.ts'
export type { Help, HelpCode } from './explain/help.ts'

/** What was tried in which order, what happened, why, and what would help. Plain JSON: fields may be added, none changes its meaning. */
export interface Explanation extends Omit<Facts, 'error'> {
  readonly conclusion: Conclusion
  readonly help: readonly Help[]
}

/** Makes sense of what is known of a connection. Pure. */
export function explanationOf({ error, ...known }: Facts): Explanation {
  const facts: Facts = { ...known, attempts: known.attempts.map(rounded), ...(error == null ? {} : { error }) }
  const conclusion = conclude(facts)
  const { peer, path, mine, theirs, plan, attempts } = facts
  return { peer, path, mine, theirs, plan, attempts, conclusion, help: helpFor(facts, conclusion.code) }
}

/** The explanation that an error of ours carries, if it does: those of a connect that did not become what was asked for. */
export function explanationIn(error: unknown): Explanation | undefined {
  return error instanceof NatError ? (error.details?.['explanation'] as Explanation | undefined) : undefined
}

function rounded(attempt: ExplainedAttempt): ExplainedAttempt {
  return { ...attempt, ms: Math.round(attempt.ms * 10) / 10 }
}
