import { suspectAtMs, suspicionMs, trustedUntilMs } from './choose.ts'
import { KEEPALIVE, type Keepalives } from './keepalive.ts'
import { begin, type Known, silenceOf } from './known.ts'
import { SCHEDULES } from './limits.ts'

/** What a path is for now: `use` packets leave by it; `spare` it may be next, so it is kept alive; `other` nobody waits for it. */
export type Duty = 'use' | 'spare' | 'other'

/** Sooner than suspicion: what leaves by another path as well costs a packet, what is lost costs a retransmission. */
const DOUBT = { ms: 200, rtts: 2, answeredMs: 1_000 } as const

/**
 * Anybody can write the other side's address on a packet, and so keep trust in a path that is dead. What comes is believed for so long after the last check that was
 * answered, or that the other side has sent: a busy path is asked once a minute.
 */
const PROOF_MS = 60_000

export function dutyOf(known: Known, current: Known | undefined): Duty {
  if (known.key === current?.key) return 'use'
  if (known.transport !== 'udp') return 'spare'
  // a direct path that is validated and not in use waits for its turn, or the other side's
  return current == null || current.kind === 'relay' ? 'spare' : 'other'
}

/** How long it may be silent before it is asked, or, when nobody asks, forgotten. */
export function quietMs(known: Known, duty: Duty, keepalives: Keepalives): number {
  if (duty === 'use' || known.transport !== 'udp') return keepalives.quietMs(known)
  return duty === 'spare' ? KEEPALIVE.spareMs : KEEPALIVE.unkeptMs
}

/** When trust in it lapses. */
export function trustEndsMs(known: Known, duty: Duty, keepalives: Keepalives): number {
  if (known.validatedAtMs == null) return Number.NEGATIVE_INFINITY
  const keepaliveMs = quietMs(known, duty, keepalives)
  return trustedUntilMs({ ...silenceOf(known, keepaliveMs), heardAtMs: believedAtMs(known, keepaliveMs) })
}

/** When something came last that is believed. */
function believedAtMs({ transport, turn, heardAtMs, answeredAtMs, requestedAtMs }: Known, keepaliveMs: number): number {
  // nobody else writes into a pipe
  if (transport !== 'udp') return heardAtMs
  const proofMs = PROOF_MS + (turn === 'mine' ? 0 : KEEPALIVE.patienceMs)
  return Math.min(heardAtMs, Math.max(answeredAtMs, requestedAtMs) + Math.max(0, proofMs - keepaliveMs))
}

/** From when on its packets go by another path as well, because nothing came back by it. */
export function doubtAtMs(known: Known): number {
  const { unansweredSinceMs, rttMs } = known
  if (unansweredSinceMs == null) return Number.POSITIVE_INFINITY
  const doubtMs = unansweredSinceMs + Math.max(DOUBT.ms, DOUBT.rtts * (rttMs ?? DOUBT.ms))
  return Math.min(doubtMs, suspectedAtMs(known))
}

/** From when on it is likely to be dead. */
export function suspectedAtMs(known: Known): number {
  return suspectAtMs(silenceOf(known, Number.POSITIVE_INFINITY))
}

export function isSuspected(known: Known, nowMs: number): boolean {
  return nowMs >= suspectedAtMs(known)
}

/** Packets have left by it, and nothing has come back. */
export function unanswered(known: Known, nowMs: number): void {
  if (known.unansweredSinceMs != null || nowMs - known.answeredAtMs < DOUBT.ms) return
  known.unansweredSinceMs = nowMs
  if (known.burst == null) begin(known, SCHEDULES.single, nowMs)
}

/** It may well be dead: asked at once, and left in a second unless it answers. */
export function suspect(known: Known, nowMs: number): void {
  known.unansweredSinceMs = nowMs - suspicionMs(known.rttMs)
  // what is told of now may have come before
  known.doubtEndsBy = 'answer'
  begin(known, SCHEDULES.suspected, nowMs)
}

/** Another path has been silent for so long, and maybe this one shares its fate: from now on only an answer speaks for it. */
export function question(known: Known, sinceMs: number, nowMs: number): void {
  // a slow one is in doubt late; a fast one has its own time to answer nevertheless
  known.unansweredSinceMs = Math.max(sinceMs, nowMs - DOUBT.ms)
  known.doubtEndsBy = 'answer'
  begin(known, SCHEDULES.suspected, nowMs)
}

/** Begins the checks that are due of a path that has trust. @returns when to look again */
export function keepTrust(known: Known, duty: Duty, keepalives: Keepalives, nowMs: number): number {
  const suspectMs = doubtAtMs(known)
  if (nowMs >= suspectMs && known.burst?.schedule !== SCHEDULES.suspected) begin(known, SCHEDULES.suspected, nowMs)
  const keepaliveMs = quietMs(known, duty, keepalives)
  const believedMs = believedAtMs(known, keepaliveMs)
  const askMs = duty === 'other' ? Number.POSITIVE_INFINITY : believedMs + keepaliveMs
  if (nowMs >= askMs && known.burst == null) {
    // packets end a keepalive, and not what is to prove them
    begin(known, believedMs === known.heardAtMs ? SCHEDULES.keepalive : SCHEDULES.later, nowMs)
  }
  const nextMs = [suspectMs, askMs].filter(ms => ms > nowMs)
  return Math.min(trustEndsMs(known, duty, keepalives), ...nextMs)
}

/**
 * They ask by the path in use although packets move: nothing of ours comes to them, it seems. What comes from them proves nothing then; only an
 * answer does.
 */
export function askedInUse(known: Known, nowMs: number): void {
  if (nowMs - known.answeredAtMs < DOUBT.answeredMs) return
  known.doubtEndsBy = 'answer'
  unanswered(known, nowMs)
}

/** A packet came by it: what we send arrives, as far as one can tell. */
export function heard(known: Known, nowMs: number): void {
  known.heardAtMs = nowMs
  if (known.doubtEndsBy === 'packet') undoubted(known)
}

/** A check of ours was answered by it. */
export function answered(known: Known, nowMs: number): void {
  known.heardAtMs = nowMs
  known.answeredAtMs = nowMs
  undoubted(known)
}

/** There is no doubt about it, or no trust either. */
export function undoubted(known: Known): void {
  known.unansweredSinceMs = undefined
  known.doubtEndsBy = 'packet'
  const schedule = known.burst?.schedule
  if (schedule === SCHEDULES.suspected || schedule === SCHEDULES.single || schedule === SCHEDULES.keepalive) {
    known.burst = undefined
  }
}
