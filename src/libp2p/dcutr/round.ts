import type { Stream } from '@libp2p/interface'
import { sleep } from '../../core/clock.ts'
import type { Attempt, Reason } from '../../traversal/attempt.ts'
import type { PunchRole } from '../../traversal/upgrade.ts'
import type { AddressCandidate } from '../candidate.ts'
import { type Context, TIMES } from './context.ts'
import { dialAll } from './dial.ts'
import { open } from './open.ts'
import { errorText, exchangeReason } from './reason.ts'
import type { Session } from './session.ts'

/** Whether another round may help. */
export type Outcome = 'again' | 'over'

/** The exchange gave no round. */
export interface NoRound {
  readonly outcome: Exclude<Attempt['outcome'], 'ok'>
  readonly reason: Reason
  readonly detail?: string
}

export function skipped(reason: Reason, detail?: string): NoRound {
  return { outcome: 'skipped', reason, ...(detail == null ? {} : { detail }) }
}

/** What an error in the exchange means: the session may have been decided meanwhile. */
export function noRound(error: unknown, session: Session, stream: Stream | undefined): NoRound {
  if (session.winner != null) return skipped('already-direct')
  const reason = session.cutShort ?? exchangeReason(error, session.relayed, stream)
  return { outcome: reason === 'unsupported' ? 'skipped' : 'failed', reason, detail: errorText(error) }
}

export function recordNoRound(session: Session, { outcome, reason, detail }: NoRound, ms: number): void {
  session.record('punch-quic', outcome, reason, outcome === 'skipped' ? 0 : ms, detail)
}

export interface PunchRound {
  readonly role: PunchRole
  /** For people: which round this is. */
  readonly name: string
  readonly theirs: readonly AddressCandidate[]
  readonly startMs: number
  readonly signal: AbortSignal
}

/** The round itself: opens or dials until a connection has won, or the window is over. Records the attempt. */
export async function punch(context: Context, session: Session, round: PunchRound): Promise<Outcome> {
  session.stage = 'punch'
  const unprovenBefore = session.unproven
  const work = act(context, session, round)
  // the window is held open to its end: the other side may dial too
  await sleep(context.clock, TIMES.windowMs, round.signal).catch(() => {})
  if (session.winner == null) await session.proving()
  const ms = context.clock.now() - round.startMs
  const { winner } = session
  if (winner != null) {
    if (winner.technique.startsWith('punch-')) {
      session.record(winner.technique, 'ok', 'connected', ms, `${round.name}: ${winner.connection.remoteAddr}`)
    } else recordNoRound(session, skipped('already-direct'), 0)
    return 'over'
  }
  const { reason, detail } = await work
  const told = session.unproven > unprovenBefore ? 'unproven' : reason
  const hint = context.observed.varying()
  session.record(
    'punch-quic',
    'failed',
    session.cutShort ?? told,
    ms,
    [`${round.name}: ${detail}`, hint].filter(Boolean).join('; ')
  )
  return session.signal.aborted ? 'over' : 'again'
}

async function act(
  context: Context,
  session: Session,
  { role, theirs, signal }: PunchRound
): Promise<{ readonly reason: Reason; readonly detail: string }> {
  switch (role) {
    case 'dial':
      return dialAll(context, session, theirs, 'punch', signal)
    case 'open': {
      const packets = await open(context, theirs, signal)
      const where = theirs.map(({ multiaddr }) => multiaddr.toString()).join(', ')
      return { reason: 'no-answer', detail: `${packets} opening packets to ${where}, and nobody came in` }
    }
    default:
      return role satisfies never
  }
}
