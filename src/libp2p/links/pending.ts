import { NatError } from '../../core/errors.ts'

export const PENDING = {
  /** Links and pipes that strangers are making to us at once. */
  inAll: 64,
  /** Those that one relay brings: it may make them up, and another relay still finds a place. */
  perRelay: 32,
  /** Those that one relay brings from one peer, as it says: a peer may find two relays at once, and lose both. */
  perPeer: 8
} as const

/** Links and pipes that relays are bringing us, and that are not made yet: each costs memory, and time of ours. */
export class Pending {
  /** By relay, how many of which peer. */
  readonly #relays = new Map<string, Map<string, number>>()

  /**
   * Takes a place.
   *
   * @param known there is a link with that peer already: it finds a place for a further pipe whatever others do
   * @returns what gives it back
   * @throws NatError LIMIT
   */
  take(relay: string, peer: string, known: boolean): () => void {
    const peers = this.#relays.get(relay) ?? new Map<string, number>()
    const ofPeer = peers.get(peer) ?? 0
    const ofRelay = sum(peers.values())
    const inAll = [...this.#relays.values()].reduce((count, each) => count + sum(each.values()), 0)
    const full = inAll >= PENDING.inAll || ofRelay >= PENDING.perRelay
    if (ofPeer >= PENDING.perPeer || (full && !known)) {
      throw new NatError(
        'LIMIT',
        `${inAll} links are being made to us already, ${ofRelay} of them by ${relay}, ${ofPeer} from ${peer}`
      )
    }
    this.#relays.set(relay, peers)
    peers.set(peer, ofPeer + 1)
    return () => {
      const left = (peers.get(peer) ?? 1) - 1
      if (left > 0) peers.set(peer, left)
      else peers.delete(peer)
      if (peers.size === 0) this.#relays.delete(relay)
    }
  }
}

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((all, count) => all + count, 0)
}
