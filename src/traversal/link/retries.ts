import type { Clock, Timer } from '../../core/clock.ts'

/** Between two tries of what takes both sides, while there is no direct path. TCP connects and checks have rounds of their own. */
export const RETRY_MS = [30_000, 120_000, 600_000, 3_600_000] as const

/** When to try again: ever more rarely, and the last pause holds from then on. */
export class Retries {
  readonly #clock: Clock
  readonly #onDue: () => void
  readonly #pausesMs: readonly number[]
  #count = 0
  #timer: Timer | undefined

  constructor(clock: Clock, onDue: () => void, pausesMs: readonly number[] = RETRY_MS) {
    this.#clock = clock
    this.#onDue = onDue
    this.#pausesMs = pausesMs
  }

  /** All has been tried. Whoever waits already goes on waiting. */
  wait(): void {
    if (this.#timer != null) return
    const pauseMs = this.#pausesMs[Math.min(this.#count++, this.#pausesMs.length - 1)]!
    this.#timer = this.#clock.after(pauseMs, () => {
      this.#timer = undefined
      this.#onDue()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** What was tried in vain says nothing any more. */
  reset(): void {
    this.stop()
    this.#count = 0
  }
}
