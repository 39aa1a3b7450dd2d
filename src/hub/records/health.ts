import type { Clock } from '../../core/clock.ts'
import type { RecordStore } from '../store/store.ts'

/** How long an answer counts: whoever asks all the time learns no more. */
const FRESH_MS = 1_000

/** Whether the store answers. */
export class Health {
  readonly #store: RecordStore
  readonly #clock: Clock
  #last: { readonly isGood: Promise<boolean>; untilMs: number } | undefined

  constructor(store: RecordStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  check(): Promise<boolean> {
    if (this.#last != null && this.#clock.now() < this.#last.untilMs) return this.#last.isGood
    // until it is there, all wait for the same answer
    const last = { isGood: this.#ask(), untilMs: Number.POSITIVE_INFINITY }
    this.#last = last
    void last.isGood.then(() => {
      last.untilMs = this.#clock.now() + FRESH_MS
    })
    return last.isGood
  }

  async #ask(): Promise<boolean> {
    try {
      await this.#store.check()
      return true
    } catch {
      return false
    }
  }
}
