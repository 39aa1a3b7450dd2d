import type { ErrorCode } from '../../core/errors.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Attempt, Reason, TechniqueName } from '../attempt.ts'
import type { LookupFinding } from './lookups.ts'

/** A technique that was considered: when it was to begin, or why it was passed over. */
export interface ExplainedStep {
  readonly technique: TechniqueName
  readonly action: 'take' | 'skip'
  readonly why: Reason
  /** After the plan was made. */
  readonly startMs: number
}

export interface ExplainedAttempt extends Attempt {
  /** When it began, after the link did. */
  readonly atMs?: number
}

export interface ExplainedPath {
  readonly kind: 'direct' | 'relay'
  readonly transport: string
  /** `ip:port`; of a relayed path that of the relay. */
  readonly remote: string
  /** What found it, where that is known. */
  readonly technique: TechniqueName | null
}

/** What is known of a connection, or of one that did not come about. Plain data. */
export interface Facts {
  readonly peer: string
  /** What the packets go by now; null when there is no connection. */
  readonly path: ExplainedPath | null
  readonly mine: NetworkSummary | null
  readonly theirs: NetworkSummary | null
  /** In the order of their start; empty where none was made, as with a peer of another kind that was never asked. */
  readonly plan: readonly ExplainedStep[]
  /** Oldest first. */
  readonly attempts: readonly ExplainedAttempt[]
  /** What hubs said when we looked for the peer, as they answered; nothing where the peer came to us. */
  readonly lookups?: readonly LookupFinding[]
  /** What the connect failed with. */
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}
