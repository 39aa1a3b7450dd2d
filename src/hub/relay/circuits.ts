import type { RelayLimits } from './limits.ts'

/** The relayed connections that run, counted by who made them and whom they reach. */
export class Circuits {
  readonly #limits: RelayLimits
  readonly #from = new Map<string, number>()
  readonly #to = new Map<string, number>()
  #count = 0

  constructor(limits: RelayLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#count
  }

  /** @returns a function that gives the place back, once; undefined when there is none */
  take(from: string, to: string): (() => void) | undefined {
    const { maxCircuits, maxCircuitsFrom, maxCircuitsTo } = this.#limits
    if (this.#count >= maxCircuits) return undefined
    if ((this.#from.get(from) ?? 0) >= maxCircuitsFrom || (this.#to.get(to) ?? 0) >= maxCircuitsTo) return undefined
    this.#add(from, to, 1)
    let taken = true
    return () => {
      if (taken) this.#add(from, to, -1)
      taken = false
    }
  }

  #add(from: string, to: string, by: number): void {
    this.#count += by
    for (const [counts, key] of [
      [this.#from, from],
      [this.#to, to]
    ] as const) {
      const count = (counts.get(key) ?? 0) + by
      if (count > 0) counts.set(key, count)
      else counts.delete(key)
    }
  }
}
