import type { Clock } from '../../core/clock.ts'
import type { Events } from '../../core/events.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { Family, Reachability, Verdict } from './checks.ts'

export type NetworkReachability = Readonly<Record<Family, Reachability>>

export type AutonatEvents = {
  /** What is known of our reachability has changed. */
  reachability: NetworkReachability
}

/** Addresses that somebody else has found, and that nobody has confirmed yet: ports that a router has mapped to us. */
export interface AddressSource {
  /** Multiaddrs without a peer id. */
  list(): readonly string[]
  /** @returns a function that takes the listener away again */
  onChange(listener: () => void): () => void
}

export interface AutonatSettings {
  /**
   * Ids of the peers that are asked. The word of one is enough, so they should be ones that are trusted anyhow, as a node
   * trusts its hubs to relay. Who lies makes us announce an address that nobody can dial, or none: peers then lose a moment
   * on a dial, or punch.
   *
   * @default whoever we have connected to that speaks the protocol
   */
  readonly servers?: ReadonlySet<string>
  /** More addresses to ask about. @default none */
  readonly mapped?: AddressSource
  /** Asks about addresses too that are not public: `network` where servers and we share a network, `true` also on one machine. @default false */
  readonly allowPrivate: AllowPrivate
  /** @default realClock */
  readonly clock: Clock
  /** @default secureRandom */
  readonly random: Random
}

/** Finds out which of our addresses anybody can dial. https://github.com/libp2p/specs/blob/master/autonat/autonat-v2.md */
export interface Autonat {
  readonly events: Events<AutonatEvents>
  readonly reachability: NetworkReachability
  /** Each address that was asked about, as a multiaddr without peer id, and what is known of it. */
  readonly addresses: readonly { readonly address: string; readonly verdict: Verdict }[]
  /**
   * To be called when our network has changed: addresses that we have no longer are withdrawn, and servers are asked about the others
   * once we are connected to them anew.
   */
  networkChanged(): void
}
