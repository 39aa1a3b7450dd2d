/** Lets so many through at once; so many more wait in line. */
export class Turns {
  readonly #atOnce: number
  readonly #maxWaiting: number
  readonly #line: (() => void)[] = []
  #running = 0

  constructor(atOnce: number, maxWaiting = Number.POSITIVE_INFINITY) {
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
  }

  /** How many are through; others may wait. */
  get running(): number {
    return this.#running
  }

  /** Whether one more would find no place in the line. */
  get isFull(): boolean {
    return this.#running >= this.#atOnce && this.#line.length >= this.#maxWaiting
  }

  /** @throws the signal's reason, when its turn does not come before */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await this.#turn(signal)
    else this.#running++
    try {
      return await work()
    } finally {
      // whoever is next takes over the place
      const next = this.#line.shift()
      if (next == null) this.#running--
      else next()
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      const index = this.#line.indexOf(resolve)
      // its turn may have come just now
      if (index < 0) return
      this.#line.splice(index, 1)
      reject(signal.reason)
    }
    this.#line.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }
}
