import type { Endpoint } from '../../core/machine.ts'
import type { Random } from '../../core/random.ts'
import type { NatBehaviour } from './behaviour.ts'
import type { Protocol } from './packet.ts'
import { PortChoice } from './port-choice.ts'

/** Chooses the public address (RFC 4787 section 4.1) and the port of a new mapping. */
export class PublicEndpoints {
  readonly #behaviour: NatBehaviour
  readonly #addresses: readonly string[]
  readonly #random: Random
  /** By protocol and address. */
  readonly #choices = new Map<string, PortChoice>()

  constructor(behaviour: NatBehaviour, addresses: readonly string[], random: Random) {
    this.#behaviour = behaviour
    this.#addresses = addresses
    this.#random = random
  }

  /** @returns undefined when no port of the address is free */
  choose(protocol: Protocol, internal: Endpoint, isFree: (endpoint: Endpoint) => boolean): Endpoint | undefined {
    const address = this.#addresses[this.#indexFor(internal.address)]!
    const key = `${protocol} ${address}`
    const choice = this.#choices.get(key) ?? new PortChoice(this.#behaviour, this.#random)
    this.#choices.set(key, choice)
    // 0 is no port, and as an echo's identifier it would look like that of whoever answers
    const port = choice.choose(internal.port, port => port !== 0 && isFree({ address, port }))
    return port === undefined ? undefined : { address, port }
  }

  /** Paired: by a number that the inside address always gives, so that nothing has to be remembered. */
  #indexFor(internal: string): number {
    const count = this.#addresses.length
    if (this.#behaviour.pooling === 'arbitrary') return this.#random.int(0, count - 1)
    let sum = 0
    for (let i = 0; i < internal.length; i++) sum = (sum * 31 + internal.charCodeAt(i)) % 65_521
    return sum % count
  }
}
