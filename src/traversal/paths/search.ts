/** How a direct path is looked for while there is none: rounds of checks, ever more rarely, and never not at all. */
export const SEARCH = {
  /** Between the end of a round and the next one. */
  backoffMs: [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000],
  /** While nothing else carries the link, which is over in a minute (LIMITS.deadMs). */
  urgentMs: 5_000,
  /** After the last check of a round: its answer is on the way. */
  patienceMs: 1_000,
  /** How much later the side begins that is told of the other's rounds. */
  followerShare: 1.5,
  /** A link in use on a direct path looks whether another one is better. */
  improveMs: 300_000,
  /** The other side's rounds are joined at most so often. */
  joinMs: 3_000
} as const

export type Round = 'first' | 'later'

/** When rounds begin and end. */
export class Search {
  readonly #share: number
  #rounds = 0
  #backoff = 0
  #nextMs = Number.POSITIVE_INFINITY
  #endMs: number | undefined
  #beganMs = Number.NEGATIVE_INFINITY

  constructor(leads: boolean) {
    this.#share = leads ? 1 : SEARCH.followerShare
  }

  get wakeAtMs(): number {
    return this.#endMs ?? this.#nextMs
  }

  /** When the round that goes on, or the last one, began. */
  get beganMs(): number {
    return this.#beganMs
  }

  /** Something has changed that makes success likely: begin anew, and at once. */
  restart(nowMs: number): void {
    this.#backoff = 0
    this.#rounds = 0
    this.#endMs = undefined
    this.#nextMs = nowMs
  }

  /** The other side has begun a round: ours at the same time opens both NATs at once. */
  join(nowMs: number): void {
    if (this.#endMs == null && this.#nextMs !== Number.POSITIVE_INFINITY && nowMs - this.#beganMs >= SEARCH.joinMs) {
      this.#nextMs = nowMs
    }
  }

  /** @returns the round that is to begin now */
  due(nowMs: number): Round | undefined {
    if (this.#endMs != null || this.#nextMs > nowMs) return undefined
    return this.#rounds === 0 ? 'first' : 'later'
  }

  /** @param lengthMs until the last check has left */
  began(nowMs: number, lengthMs: number): void {
    this.#rounds++
    this.#beganMs = nowMs
    this.#endMs = nowMs + lengthMs + SEARCH.patienceMs
  }

  /**
   * @param urgent nothing else carries the link
   * @returns whether the round has ended just now
   */
  ended(nowMs: number, urgent: boolean): boolean {
    if (this.#endMs == null || this.#endMs > nowMs) return false
    this.#endMs = undefined
    const last = SEARCH.backoffMs.length - 1
    const backoffMs = SEARCH.backoffMs[Math.min(this.#backoff++, last)]!
    this.#nextMs = nowMs + (urgent ? Math.min(backoffMs, SEARCH.urgentMs) : backoffMs) * this.#share
    return true
  }

  /** A direct path is there. Better ones are looked for when the link is used. */
  found(nowMs: number): void {
    this.#endMs = undefined
    this.#rounds = Math.max(1, this.#rounds)
    this.#nextMs = nowMs + SEARCH.improveMs
  }
}
