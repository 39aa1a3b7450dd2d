import type {
  ComponentLogger,
  Connection,
  ConnectionGater,
  ConnectionProtector,
  Libp2pEvents,
  Logger,
  PeerId,
  Stream,
  Upgrader,
  UpgraderOptions
} from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar, TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { CircuitLimit } from '../../wire/circuit.ts'
import type { Timeline } from '../timeline.ts'
import type { TokenFor } from './hop.ts'

export interface CircuitComponents {
  readonly peerId: PeerId
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly registrar: Registrar
  readonly connectionManager: ConnectionManager
  readonly connectionGater: ConnectionGater
  readonly transportManager: TransportManager
  readonly addressManager: AddressManager
  readonly upgrader: Upgrader
  /** Of private networks: it encrypts everything, the negotiation too. */
  readonly connectionProtector?: ConnectionProtector
  readonly logger: ComponentLogger
}

/** A stream that a relay has brought us, for a link. */
export interface InboundCircuit {
  readonly stream: Stream
  /** What has been read behind the protocol's name. */
  readonly early: Uint8Array
  readonly relay: Connection
  /** Who the relay says that it is. */
  readonly peer: PeerId
  readonly limit: CircuitLimit | undefined
}

/** Links, which take the place of relayed connections where both sides know them (libp2p/links). */
export interface CircuitLinks {
  /** Set by the circuit transport: how a relay is connected to. */
  connectTo: (relay: Multiaddr, signal: AbortSignal) => Promise<Connection>
  /** Set by it as well: what a relay is shown. */
  tokenFor: TokenFor
  newTimeline(): Timeline
  /** Whether a link to that peer is worth trying. */
  fits(target: PeerId): boolean
  /** @throws NatError UNSUPPORTED when the other side knows no links, and what else a dial throws */
  dial(
    relay: Connection,
    address: Multiaddr,
    target: PeerId,
    timeline: Timeline,
    options: UpgraderOptions
  ): Promise<Connection>
  accept(inbound: InboundCircuit, signal: AbortSignal): Promise<void>
}

/** What dialling, listening and being dialled over relays work with. */
export interface CircuitContext {
  readonly components: CircuitComponents
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly links: CircuitLinks | undefined
  readonly tokenFor: TokenFor
  /** A direct connection to the relay: the one that there is, else a new one by the first address that answers. */
  connectTo(relay: PeerId, addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection>
}
