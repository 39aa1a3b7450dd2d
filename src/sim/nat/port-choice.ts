import type { Random } from '../../core/random.ts'
import type { NatBehaviour } from './behaviour.ts'

/** Beyond so many a random search is slower than looking at all ports in order. */
const RANDOM_TRIES = 16

/** Chooses the public ports of one address for one protocol (RFC 4787 section 4.2). */
export class PortChoice {
  readonly #behaviour: Pick<NatBehaviour, 'allocation' | 'step' | 'parity' | 'ports'>
  readonly #random: Random
  /** Of sequential allocation: the next one. Where it begins, nobody outside can know. */
  #next: number

  constructor(behaviour: Pick<NatBehaviour, 'allocation' | 'step' | 'parity' | 'ports'>, random: Random) {
    this.#behaviour = behaviour
    this.#random = random
    this.#next = this.#draw()
  }

  /**
   * @param wanted the port inside
   * @returns a port that is free, or undefined when there is none
   */
  choose(wanted: number, isFree: (port: number) => boolean): number | undefined {
    const { allocation, step } = this.#behaviour
    switch (allocation) {
      case 'preserving':
        return isFree(wanted) ? wanted : this.#scan(this.#after(wanted), 1, wanted, isFree)
      case 'sequential': {
        const port = this.#scan(this.#next, step, wanted, isFree) ?? this.#scan(this.#next, 1, wanted, isFree)
        if (port !== undefined) this.#next = this.#wrap(port + step)
        return port
      }
      case 'random': {
        for (let tries = 0; tries < RANDOM_TRIES; tries++) {
          const port = this.#draw()
          if (this.#fits(port, wanted) && isFree(port)) return port
        }
        return this.#scan(this.#draw(), 1, wanted, isFree)
      }
      default:
        return allocation satisfies never
    }
  }

  #draw(): number {
    return this.#random.int(this.#behaviour.ports.first, this.#behaviour.ports.last)
  }

  /** Every port of the range at most once. One of the wrong parity is skipped, so that what follows is as far away as a step. */
  #scan(from: number, step: number, wanted: number, isFree: (port: number) => boolean): number | undefined {
    const { first, last } = this.#behaviour.ports
    let port = from
    for (let seen = first; seen <= last; seen++) {
      if (this.#fits(port, wanted)) {
        if (isFree(port)) return port
        port = this.#wrap(port + step)
      } else {
        port = this.#wrap(port + 1)
      }
    }
    return undefined
  }

  #fits(port: number, wanted: number): boolean {
    return !this.#behaviour.parity || port % 2 === wanted % 2
  }

  /** One that is preserved may lie outside the range. */
  #after(port: number): number {
    const { first, last } = this.#behaviour.ports
    return port >= first && port < last ? port + 1 : first
  }

  #wrap(port: number): number {
    const { first, last } = this.#behaviour.ports
    const size = last - first + 1
    return first + ((((port - first) % size) + size) % size)
  }
}
