import type { ComponentLogger, Logger, PeerId, PrivateKey, Upgrader } from '@libp2p/interface'
import type { ConnectionManager, Registrar, TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { PacketSwitch } from '../../socket/switch.ts'
import type { TechniqueName } from '../../traversal/attempt.ts'
import type { Budget } from '../../traversal/link/budget.ts'
import type { Experience, Ground } from '../../traversal/link/ground.ts'
import type { LocalSocket } from '../../traversal/paths/api.ts'
import type { Technique } from '../../traversal/technique.ts'
import type { PathCandidate } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { TokenFor } from '../circuit/hop.ts'
import type { LinkEngine } from './engine.ts'

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

/** What is known of our own network. */
export interface SummarySource {
  /** undefined before it is known. */
  current(): NetworkSummary | undefined
  /** @returns a function that takes the listener away again */
  onChange(listener: () => void): () => void
}

/** A link, to those who have something for one of its pipes. */
export interface PipeOwner {
  readonly peer: PeerId
  /** The switch has frames for the pipe. */
  carry(pipe: number, frames: Uint8Array): void
  /** What came in by the pipe is no datagrams. */
  broken(pipe: number, reason: string): void
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
  /** Names of those that may be used; all, when undefined. */
  readonly techniques: ReadonlySet<TechniqueName> | undefined
  /** Built in or not. */
  readonly registered: readonly Technique[]
  readonly summary: SummarySource
  readonly ground: Ground
  readonly budget: Budget
  readonly experience: Experience | undefined
  /** What hosts that have proved nothing hear of all links together. */
  readonly bystanders: Allowance
  /** Whose pipe each is. */
  readonly pipes: Map<number, PipeOwner>
  /** The sockets that checks leave from. */
  sockets(): readonly LocalSocket[]
  readonly tokenFor: TokenFor
  /** The relays that a link to that peer may be taken to; without a peer, our own hubs. */
  relays(peer?: PeerId): readonly Multiaddr[]
}
