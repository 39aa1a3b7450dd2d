import type { ComponentLogger, Logger, PeerId, PrivateKey, Upgrader } from '@libp2p/interface'
import type { ConnectionManager, Registrar, TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { PacketSwitch } from '../../socket/switch.ts'
import type { TechniqueName } from '../../traversal/attempt.ts'
import type { LocalSocket } from '../../traversal/paths/api.ts'
import type { PathCandidate } from '../../wire/path.ts'
import type { LinkEngine } from './engine.ts'
import type { LinkSession } from './session.ts'

export interface LinksComponents {
  readonly peerId: PeerId
  readonly privateKey: PrivateKey
  readonly registrar: Registrar
  readonly connectionManager: ConnectionManager
  readonly transportManager: TransportManager
  readonly upgrader: Upgrader
  readonly logger: ComponentLogger
}

/** Our own candidates, as they are known now. */
export interface CandidateSource {
  list(): readonly PathCandidate[]
  /** @returns a function that takes the listener away again */
  onChange(listener: () => void): () => void
}

/** What a link's session works with. */
export interface LinksContext {
  readonly components: LinksComponents
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly engine: LinkEngine
  readonly packetSwitch: PacketSwitch
  readonly candidates: CandidateSource
  readonly allowPrivate: AllowPrivate
  readonly techniques: ReadonlySet<TechniqueName> | undefined
  /** Whose pipe each is. */
  readonly pipes: Map<number, LinkSession>
  /** The sockets that checks leave from. */
  sockets(): readonly LocalSocket[]
  /** The relays that a link may be taken to. */
  relays(): readonly Multiaddr[]
}
