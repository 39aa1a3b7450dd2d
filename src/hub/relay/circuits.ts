import type { RelayLimits } from './limits.ts'

/** A place that is taken, or why there is none. */
export type Place = { readonly release: () => void } | { readonly refusal: string }

/** The relayed connections that run, counted by who made them and whom they reach. */
export class Circuits {
  readonly #limits: () => RelayLimits
  readonly #from = new Map<string, number>()
  readonly #to = new Map<string, number>()
  #count = 0

  constructor(limits: () => RelayLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#count
  }

  /** What it returns gives the place back, once. */
  take(from: string, to: string): Place {
    const { maxCircuits, maxCircuitsFrom, maxCircuitsTo } = this.#limits()
    if (this.#count >= maxCircuits) return refusal(maxCircuits, 'in all')
    if ((this.#from.get(from) ?? 0) >= maxCircuitsFrom) return refusal(maxCircuitsFrom, 'that one peer has made')
    if ((this.#to.get(to) ?? 0) >= maxCircuitsTo) return refusal(maxCircuitsTo, 'to one peer')
    this.#add(from, to, 1)
    let taken = true
    const release = () => {
      if (taken) this.#add(from, to, -1)
      taken = false
    }
    return { release }
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

function refusal(most: number, whose: string): Place {
  return { refusal: `it carries at most ${most} at once ${whose}` }
}
