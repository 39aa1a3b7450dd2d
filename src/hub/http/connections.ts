import { sourceOf } from '../../core/ip.ts'
import type { HttpLimits } from './limits.ts'

/** The places for connections that carry HTTP, in all and for each source. */
export class Connections {
  readonly #limits: HttpLimits
  readonly #from = new Map<string, number>()
  #count = 0

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#count
  }

  /** @param shared many sources come by it: a proxy @returns a function that gives the place back, once; undefined when there is none */
  take(address: string, shared: boolean): (() => void) | undefined {
    const { maxConnections, maxConnectionsFrom } = this.#limits
    const source = sourceOf(address)
    const count = this.#from.get(source) ?? 0
    if (this.#count >= maxConnections || (!shared && count >= maxConnectionsFrom)) return undefined
    this.#count++
    this.#from.set(source, count + 1)
    let taken = true
    return () => {
      if (!taken) return
      taken = false
      this.#count--
      const left = (this.#from.get(source) ?? 1) - 1
      if (left > 0) this.#from.set(source, left)
      else this.#from.delete(source)
    }
  }
}
