import type { RetransmissionSchedule } from '../core/stun-transaction.ts'

/**
 * While nothing is known of the network: 0, 0.5 and 1.5 s as RFC 8489 section 6.2.1 has them, and the end at 3 s, so that a network
 * without UDP is known to be one well within the five seconds that a quick report may take.
 */
export const FIRST: RetransmissionSchedule = { rtoMs: 500, sends: 3, lastWaits: 3 }

/** Computers answer within that, however near they are and however busy. */
const MIN_RTO_MS = 100

/** How long to wait for answers where one has come before. */
export interface Patience {
  /** From one sending to the next; beyond a round trip by a quarter, and by what a busy machine takes. */
  readonly rtoMs: number
  /** Two sends, and the end after as long again: silence is known after two and a half round trips. */
  readonly schedule: RetransmissionSchedule
}

/** @param lossy whether packets were lost already: then more are sent before silence is believed */
export function patience(rttMs: number, lossy: boolean): Patience {
  const rtoMs = Math.max(MIN_RTO_MS, 1.25 * rttMs + 20)
  return { rtoMs, schedule: { rtoMs, sends: lossy ? 3 : 2, lastWaits: 1 } }
}
