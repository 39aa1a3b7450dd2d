import type { Known } from './known.ts'

/**
 * How often an idle path is checked. Whoever asks opens its own NAT anew, whatever was left of its mapping, so an answer only proves that the *other*
 * side's NAT has kept it. So the two sides take turns: who was asked last asks next, and the other one only when that does not happen.
 */
export const KEEPALIVE = {
  /** "UDP mappings live 30 s or less on bad routers": half of that, so that one lost packet does no harm. */
  firstMs: 15_000,
  /** Below that it is not the mapping. */
  leastMs: 6_000,
  /** Linux keeps a UDP stream for 120 s, and RFC 4787 REQ-5 asks for as much. */
  mostMs: 100_000,
  /** Three times answered at once: longer by a half. */
  growth: 1.5,
  successes: 3,
  misses: 2,
  trials: 32,
  mostTrials: 1_024,
  /** What is kept of a time after which the mapping was gone. */
  share: 0.6,
  /** Where no NAT is in between nothing runs out; a firewall's state may (as above). */
  plainMs: 100_000,
  /** RFC 5382 REQ-5 gives TCP mappings two hours, routers at home give them 5 to 15 minutes. */
  tcpMs: 120_000,
  /** The connection to the hub has keepalives of its own; this finds out whether the other side's end is there as well. */
  relayMs: 300_000,
  /**
   * While no relay works nobody can tell a side that its NAT has shut the other one out: it has to open that itself, in good time. The last of five
   * askings leaves 7.5 s after the first (SCHEDULES.keepalive), when a mapping of 30 s is still there. And should the mapping be gone for another
   * reason, one round of askings may be in vain, and the next still comes before the other side gives the link up (LIMITS.deadMs).
   */
  aloneMs: 20_000,
  /** A path that is not in use but may be soon: it is on probation, or a better one than the relay. */
  spareMs: 10_000,
  /** The trust of others runs out when the mapping of a bad router does. */
  unkeptMs: 20_000,
  /** How much later the side asks whose turn it is not: more than any round trip. Where the two bear different silences, the shorter one counts. */
  patienceMs: 1_500
} as const

/** The time that UDP mappings between the two sides bear without a packet, as experience shows it. */
export class MappingLifetime {
  #intervalMs: number = KEEPALIVE.firstMs
  /** After so long one was gone. */
  #ceilingMs: number = Number.POSITIVE_INFINITY
  #successes = 0
  #misses = 0
  /** So many successes make the ceiling doubtful: what was taken for a mapping's end may have been a bad minute. */
  #trials: number = KEEPALIVE.trials

  get intervalMs(): number {
    return this.#intervalMs
  }

  /** After a silence of that length the first check was answered. */
  bore(silenceMs: number): void {
    this.#misses = 0
    if (silenceMs < this.#intervalMs * 0.9) return
    this.#successes++
    const longestMs = Math.min(KEEPALIVE.mostMs, this.#ceilingMs * KEEPALIVE.share)
    if (this.#intervalMs < longestMs) {
      if (this.#successes < KEEPALIVE.successes) return
      this.#intervalMs = Math.min(this.#intervalMs * KEEPALIVE.growth, longestMs)
    } else {
      if (this.#successes < this.#trials) return
      this.#ceilingMs *= KEEPALIVE.growth
    }
    this.#successes = 0
  }

  /** After a silence of that length ours were answered only when one of theirs had come. Twice is no accident. */
  faltered(silenceMs: number): void {
    if (++this.#misses === KEEPALIVE.misses) this.broke(silenceMs)
  }

  /** After a silence of that length nothing came through, and then the path was there again: it was the mapping that was gone. */
  broke(silenceMs: number): void {
    if (silenceMs < KEEPALIVE.leastMs) return
    this.#successes = 0
    this.#misses = 0
    this.#trials = Math.min(KEEPALIVE.mostTrials, this.#trials * 2)
    this.#ceilingMs = Math.min(this.#ceilingMs, silenceMs)
    this.#intervalMs = Math.max(KEEPALIVE.leastMs, Math.min(this.#intervalMs, silenceMs * KEEPALIVE.share))
  }

  /** Another network has other mappings. */
  forget(): void {
    this.#intervalMs = KEEPALIVE.firstMs
    this.#ceilingMs = Number.POSITIVE_INFINITY
    this.#successes = 0
    this.#misses = 0
    this.#trials = KEEPALIVE.trials
  }
}

/** How often paths are asked: what their NATs bear, and never seldom while there is no relay to fall back on. */
export class Keepalives {
  readonly lifetime = new MappingLifetime()
  #aloneSinceMs = Number.POSITIVE_INFINITY

  /** Whether a relay works. */
  relayed(works: boolean, nowMs: number): void {
    this.#aloneSinceMs = works ? Number.POSITIVE_INFINITY : Math.min(this.#aloneSinceMs, nowMs)
  }

  /** How long a path in use may be silent before we ask. */
  quietMs(known: Known): number {
    const { heardAtMs, turn } = known
    // what has been silent for longer when the relay goes is asked at once, and has its time to answer from then on
    const aloneMs = Math.max(KEEPALIVE.aloneMs, this.#aloneSinceMs - heardAtMs)
    return Math.min(this.#baseMs(known), aloneMs) + (turn === 'mine' ? 0 : KEEPALIVE.patienceMs)
  }

  #baseMs({ transport, plain }: Known): number {
    switch (transport) {
      case 'relay':
        return KEEPALIVE.relayMs
      case 'tcp':
        return KEEPALIVE.tcpMs
      case 'udp':
        return plain ? KEEPALIVE.plainMs : this.lifetime.intervalMs
      default:
        return transport satisfies never
    }
  }
}
