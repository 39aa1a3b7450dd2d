import type { Clock } from '../../core/clock.ts'

/** Who updates is asked again. Who has only hung up may have been about to stop, or have had no room. */
export const FOREIGN = { max: 1_024, forMs: 10 * 60_000, guessedMs: 60_000 } as const

/** Peers that were found to know no links. */
export class Foreigners {
  readonly #clock: Clock
  /** Until when, by peer id; who was found first is the first. */
  readonly #untilMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(peer: string): boolean {
    const untilMs = this.#untilMs.get(peer)
    if (untilMs != null && untilMs <= this.#clock.now()) this.#untilMs.delete(peer)
    return this.#untilMs.has(peer)
  }

  /** @param certain it has said so */
  add(peer: string, certain: boolean): void {
    this.#untilMs.delete(peer)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size >= FOREIGN.max && oldest != null) this.#untilMs.delete(oldest)
    this.#untilMs.set(peer, this.#clock.now() + (certain ? FOREIGN.forMs : FOREIGN.guessedMs))
  }
}
