import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { circuitAddress, lastPeer } from '../libp2p/circuit/address.ts'

/** Whom records name is up to strangers: so many relays are remembered, and so many peers that are there, some kilobytes each. */
const MAX_RELAYS = 1_024
const MAX_PEERS = 1_024

/** Relays that are not our hubs, and that peers are reached by: they are no peers themselves. */
export class OtherRelays {
  /** The least recently used first. */
  readonly #ids = new Set<string>()
  /** Addresses of relays, by the peer that is there. */
  readonly #byPeer = new Map<string, readonly Multiaddr[]>()

  /** The relays that the newest record of a peer names. @param circuits as they are dialled: `…/p2p/RELAY/p2p-circuit/p2p/PEER` */
  note(peer: string, circuits: readonly Multiaddr[]): void {
    this.#byPeer.delete(peer)
    if (circuits.length === 0) return
    const relays = circuits.map(each => circuitAddress(each))
    this.#byPeer.set(
      peer,
      relays.map(({ relayAddress }) => relayAddress)
    )
    forgetFirst(this.#byPeer, MAX_PEERS)
    for (const { relay } of relays) {
      this.#ids.delete(relay.toString())
      this.#ids.add(relay.toString())
    }
    forgetFirst(this.#ids, MAX_RELAYS)
  }

  /** Where else a peer can be reached, when the relay that a link is at goes. */
  of(peer: string): readonly Multiaddr[] {
    return this.#byPeer.get(peer) ?? []
  }

  /** Nobody goes to that peer any more. @returns the relays by which nobody else is gone to */
  leave(peer: string, isLinked: (peer: string) => boolean): readonly string[] {
    const left = this.#byPeer.get(peer) ?? []
    this.#byPeer.delete(peer)
    const used = [...this.#byPeer].flatMap(([other, addresses]) => (isLinked(other) ? addresses.map(relayOf) : []))
    return [...new Set(left.map(relayOf))].filter(relay => !used.includes(relay))
  }

  /** Somebody wants to connect to it as to a peer. */
  delete(id: string): void {
    this.#ids.delete(id)
  }

  /**
   * Whether a connection is to a relay that is no peer. Who is one is up to strangers, and they may name a peer of ours: a relay is gone to, comes to nobody, and
   * is at no other relay.
   */
  has({ remotePeer, direct, direction }: Pick<Connection, 'remotePeer' | 'direct' | 'direction'>): boolean {
    return direct && direction === 'outbound' && this.#ids.has(remotePeer.toString())
  }
}

function relayOf(address: Multiaddr): string {
  return String(lastPeer(address))
}

function forgetFirst(all: Set<string> | Map<string, unknown>, max: number): void {
  for (const first of all.keys()) {
    if (all.size <= max) return
    all.delete(first)
  }
}
