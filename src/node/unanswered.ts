import type { Multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../core/errors.ts'
import { circuitAddress } from '../libp2p/circuit/address.ts'

/** With these a dial ends when nobody was reached, or nobody waits any more; all others take a relay that has answered. */
const SILENT: ReadonlySet<unknown> = new Set(['NO_HUB', 'LINK_CLOSED'])

/** @param relays an address of each, at least one */
export function unansweredText(relays: readonly string[]): string {
  const these = relays.length === 1 ? 'the relay' : 'the relays'
  return `its record was found, but nothing came from ${these} that it names, ${relays.join(', ')}: is that hub running?`
}

/** The relays that a peer's record names, and of which nothing has come yet: what to tell when the time is up. */
export class Unanswered {
  readonly #onChange: (relays: readonly string[]) => void
  readonly #answered = new Set<string>()
  /** An address of each, by its id. */
  readonly #relays = new Map<string, string>()

  /** @param onChange called with an address of each, now and whenever there are others */
  constructor(onChange: (relays: readonly string[]) => void) {
    this.#onChange = onChange
    onChange([])
  }

  /** A record names these. @param circuits as they are dialled: `…/p2p/RELAY/p2p-circuit/p2p/PEER` */
  named(circuits: readonly Multiaddr[]): void {
    for (const { relay, relayAddress } of circuits.map(each => circuitAddress(each))) {
      const id = relay.toString()
      if (!this.#relays.has(id) && !this.#answered.has(id)) this.#relays.set(id, relayAddress.toString())
    }
    this.#onChange([...this.#relays.values()])
  }

  failed(address: Multiaddr, error: unknown): void {
    if (!(error instanceof NatError) || SILENT.has(error.code) || !address.toString().includes('/p2p-circuit/')) return
    const id = circuitAddress(address).relay.toString()
    this.#answered.add(id)
    if (this.#relays.delete(id)) this.#onChange([...this.#relays.values()])
  }
}
