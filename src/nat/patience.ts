import type { RetransmissionSchedule } from '../core/stun-transaction.ts'

/**
 * While nothing is known of the network: 0, 0.5 and 1.5 s as RFC 8489 section 6.2.1 has them, and the end at 3 s, so that a network
 * without UDP is known to be one well within the five seconds that a quick report may take.
 */
export const FIRST: RetransmissionSchedule = { rtoMs: 500, sends: 3, lastWaits: 3 }

/** Computers answer within twice that, however near they are and however busy: silence must be the network's. */
const MIN_RTO_MS = 125
/** The same for packets that turn around at a router: they come back before a server's answer would, or never. */
const MIN_TURN_MS = 200

/** How long to wait for answers where one has come before. */
export interface Patience {
  /**
   * Two sends, each waited for a quarter longer than a round trip, and by what a busy machine takes: silence is known after two and a half
   * round trips.
   */
  readonly schedule: RetransmissionSchedule
  /** How long a packet may take to a router and back. */
  readonly turnMs: number
}

/** @param lossy whether packets were lost already: then more are sent before silence is believed */
export function patience(rttMs: number, lossy: boolean): Patience {
  const rtoMs = Math.max(MIN_RTO_MS, 1.25 * rttMs + 20)
  return { schedule: { rtoMs, sends: lossy ? 3 : 2, lastWaits: 1 }, turnMs: Math.max(MIN_TURN_MS, rtoMs) }
}
