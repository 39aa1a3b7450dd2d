import type {
  ComponentLogger,
  Connection,
  ConnectionGater,
  ConnectionProtector,
  Libp2pEvents,
  Logger,
  PeerId,
  Upgrader
} from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar, TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'

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

/** What dialling, listening and being dialled over relays work with. */
export interface CircuitContext {
  readonly components: CircuitComponents
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  /** A direct connection to the relay: the one that there is, else a new one by the first address that answers. */
  connectTo(relay: PeerId, addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection>
}
