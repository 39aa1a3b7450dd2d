import type { Stream } from '@libp2p/interface'
import { sleep } from '../../core/clock.ts'
import type { Attempt, PunchTechnique, Reason } from '../../traversal/attempt.ts'
import type { PunchRole } from '../../traversal/upgrade.ts'
import type { AddressCandidate } from '../candidate.ts'
import { type Context, punchersOf, TIMES } from './context.ts'
import { dialAll, summaryOf } from './dial.ts'
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

/** An exchange that came to nothing is told of each technique that it was to serve. */
export function recordNoRound(context: Context, session: Session, none: NoRound, ms: number): void {
  const { outcome, reason, detail } = none
  const techniques = punchersOf(context).map(({ technique }) => technique)
  for (const technique of techniques.length > 0 ? techniques : (['punch-quic'] as const)) {
    session.record(technique, outcome, reason, outcome === 'skipped' ? 0 : ms, detail)
  }
}

export interface PunchRound {
  readonly role: PunchRole
  /** For people: which round this is. */
  readonly name: string
  readonly theirs: readonly AddressCandidate[]
  readonly startMs: number
  readonly signal: AbortSignal
}

/** Reasons with which a round cannot come to anything any more, whatever the other side does. */
const DECIDED: ReadonlySet<Reason> = new Set(['role-clash', 'port-taken'])

/** The round itself: opens or dials until a connection has won, or the window is over. Records the attempt. */
export async function punch(context: Context, session: Session, round: PunchRound): Promise<Outcome> {
  session.stage = 'punch'
  const unprovenBefore = session.unproven
  const work = act(context, session, round)
  const inVain = new AbortController()
  void work.then(acts => {
    if (acts.every(({ reason }) => DECIDED.has(reason))) inVain.abort()
  })
  // the window is held open to its end: the other side may dial too
  const signal = AbortSignal.any([round.signal, inVain.signal])
  await sleep(context.clock, TIMES.windowMs, signal).catch(() => {})
  if (session.winner == null) await session.proving()
  const ms = context.clock.now() - round.startMs
  const { winner } = session
  if (winner != null) {
    if (winner.technique.startsWith('punch-')) {
      session.record(winner.technique, 'ok', 'connected', ms, `${round.name}: ${winner.connection.remoteAddr}`)
    } else recordNoRound(context, session, skipped('already-direct'), 0)
    return 'over'
  }
  const hint = context.observed.varying()
  for (const { technique, reason, detail } of await work) {
    const told = session.unproven > unprovenBefore && reason === 'no-answer' ? 'unproven' : reason
    const text = [`${round.name}: ${detail}`, hint].filter(Boolean).join('; ')
    session.record(technique, 'failed', session.cutShort ?? told, ms, text)
  }
  return session.signal.aborted ? 'over' : 'again'
}

interface Act {
  readonly technique: PunchTechnique
  readonly reason: Reason
  /** For people. */
  readonly detail: string
}

/** Does our part of the round, by every technique that the other side's addresses allow. */
async function act(context: Context, session: Session, round: PunchRound): Promise<readonly Act[]> {
  const { theirs, signal } = round
  const acts = Map.groupBy(theirs, ({ technique }) => technique)
  return await Promise.all(
    [...acts].map(async ([technique, candidates]) => {
      const dials = round.role === 'dial' || candidates[0]?.puncher.simultaneous === true
      if (dials) return { technique, ...summaryOf(await dialAll(context, session, candidates, 'punch', signal)) }
      const packets = await open(context, candidates, signal)
      const where = candidates.map(({ multiaddr }) => multiaddr.toString()).join(', ')
      const detail = `${packets} opening packets to ${where}, and nobody came in`
      return { technique, reason: 'no-answer' as const, detail }
    })
  )
}
