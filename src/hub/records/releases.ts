import type { Clock, Timer } from '../../core/clock.ts'
import { STORE_RETRY_SECONDS } from './limits.ts'

/** Releases under way at once: peers go by the thousand when a network does. */
const AT_ONCE = 32

export interface ReleasesInit {
  readonly clock: Clock
  /** How many may wait. More are forgotten: their records last as long as they say, or until this hub starts again. */
  readonly maxWaiting: number
  /** Tells the store. Rejects when it does not answer. */
  readonly release: (peer: string) => Promise<void>
}

/** Records that this hub does not answer for any more: the store is told of them, as soon as it can be. */
export class Releases {
  readonly #init: ReleasesInit
  readonly #waiting = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  #retry: Timer | undefined
  #isOver = false

  constructor(init: ReleasesInit) {
    this.#init = init
  }

  get count(): number {
    return this.#waiting.size + this.#running.size
  }

  add(peer: string): void {
    if (this.#isOver || this.#waiting.size >= this.#init.maxWaiting) return
    this.#waiting.add(peer)
    this.#run()
  }

  /** The hub answers for it after all. Resolves when no release of it is under way: what is put then stays. */
  async cancel(peer: string): Promise<void> {
    this.#waiting.delete(peer)
    await this.#running.get(peer)
    // it may have failed, to be tried again
    this.#waiting.delete(peer)
  }

  stop(): void {
    this.#isOver = true
    this.#retry?.cancel()
    this.#waiting.clear()
  }

  #run(): void {
    if (this.#retry != null) return
    for (const peer of this.#waiting) {
      if (this.#running.size >= AT_ONCE) return
      if (this.#running.has(peer)) continue
      this.#waiting.delete(peer)
      this.#running.set(peer, this.#release(peer))
    }
  }

  async #release(peer: string): Promise<void> {
    try {
      await this.#init.release(peer)
    } catch {
      this.#later(peer)
    } finally {
      this.#running.delete(peer)
    }
    this.#run()
  }

  #later(peer: string): void {
    if (this.#isOver) return
    this.#waiting.add(peer)
    this.#retry ??= this.#init.clock.after(STORE_RETRY_SECONDS * 1_000, () => {
      this.#retry = undefined
      this.#run()
    })
  }
}
