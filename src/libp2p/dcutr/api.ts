import type { Connection, PeerId } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import type { Events } from '../../core/events.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { Attempt, TechniqueName } from '../../traversal/attempt.ts'
import type { Side } from '../../traversal/upgrade.ts'
import type { ObservedAddresses } from '../observed.ts'
import type { Upgrade } from './session.ts'

export interface DcutrOptions {
  /**
   * What becomes of the relayed connection after an upgrade: closed once no application stream runs on it, or left to
   * the owner, who hears of the upgrade by the `direct` event.
   *
   * @default 'when-idle'
   */
  readonly closeRelay: 'when-idle' | 'never'
  /**
   * Offers and accepts addresses too that are not public: `network` private ones, for a relay and peers that share a network
   * of their own, `true` also loopback, for tests on one machine. In the open, a stranger could make us send packets into
   * our own network.
   *
   * @default false
   */
  readonly allowPrivate: AllowPrivate
  /** What may be tried: `reverse`, `punch-quic`, `punch-tcp`. @default everything */
  readonly techniques?: readonly TechniqueName[]
  /** @default realClock */
  readonly clock: Clock
  /** @default secureRandom */
  readonly random: Random
}

export type DcutrEvents = {
  /** One technique was tried, or passed over. */
  attempt: { readonly peer: PeerId; readonly side: Side; readonly attempt: Attempt }
  /** A direct connection has proven itself. The relayed ones, still open, are the listener's to close or keep. */
  direct: {
    readonly peer: PeerId
    readonly side: Side
    readonly connection: Connection
    readonly technique: TechniqueName
    readonly relayed: readonly Connection[]
  }
}

/** Direct Connection Upgrade through Relay, both roles (https://github.com/libp2p/specs/blob/master/relay/DCUtR.md). */
export interface Dcutr {
  readonly events: Events<DcutrEvents>
  /** What others see of the sockets that we punch from. */
  readonly observed: ObservedAddresses
  /** To be called when our network has changed: what was seen of us before is forgotten, and relays are to look again. */
  networkChanged(): void
  /**
   * Waits for the upgrade of a peer's relayed connection that is under way, or begins one. Where we made the relayed
   * connection, beginning means waiting for the other side, whose part it is.
   *
   * @throws NatError LINK_CLOSED without any connection to the peer; the signal's reason
   */
  upgrade(peer: PeerId, options?: { readonly signal?: AbortSignal }): Promise<Upgrade>
}
