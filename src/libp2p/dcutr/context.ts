import type { ComponentLogger, Libp2pEvents, Logger, PeerId } from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar, TransportManager } from '@libp2p/interface-internal'
import type { TypedEventTarget } from 'main-event'
import type { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Random } from '../../core/random.ts'
import type { TechniqueName } from '../../traversal/attempt.ts'
import type { CandidateRules } from '../../traversal/candidates.ts'
import { OPENING } from '../../traversal/opening.ts'
import { type AddressCandidate, endpointOf } from '../candidate.ts'
import type { ObservedAddresses } from '../observed.ts'
import { type Puncher, punchable, punchers } from '../punchable.ts'

export const TIMES = {
  /** Opening the stream and each message on it: some relayed round trips, on bad networks. */
  exchangeMs: 10_000,
  /** How long a round waits for its connection. */
  windowMs: OPENING.windowMs,
  /** How long a receiver waits for the other side's next round; go-libp2p dials for up to 10 s before its first. */
  idleMs: 15_000,
  /** How long a connection has to carry a ping. */
  proofMs: 3_000,
  /** How long the first observation of our own address may be on its way. */
  observationMs: 1_000,
  /**
   * How long a SYNC waits for the other side's identify, which may allow a reversal. Both were asked for in the same moment,
   * but identify's answer is signed and a few milliseconds behind.
   */
  identifyLagMs: 50,
  /** How long the other side's identify may be on its way, where a reversal is the only hope left. */
  identifyMs: 5_000
} as const

/**
 * What a host that does not answer gets in dials, over all peers, ports and rounds: three rounds' worth. Each dial is
 * some handshake packets of 1,200 bytes, so this is what a bystander would notice.
 */
export const DIAL_ALLOWANCE = { burst: 3, refillMs: 10_000, maxKeys: 1_024 } as const

/** Exchanges that one peer may begin with us: two runs of three rounds at once, and one more run each half minute. */
export const EXCHANGE_ALLOWANCE = { burst: 6, refillMs: 10_000, maxKeys: 1_024 } as const

/** Upgrades under way at once; each holds a timer and a few kilobytes. */
export const MAX_SESSIONS = 256

export interface DcutrComponents {
  readonly peerId: PeerId
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly registrar: Registrar
  readonly connectionManager: ConnectionManager
  readonly transportManager: TransportManager
  readonly addressManager: AddressManager
  readonly logger: ComponentLogger
}

/** What both sides of an exchange work with. */
export interface Context {
  readonly components: DcutrComponents
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly allowPrivate: AllowPrivate
  /** What may be tried; everything, unless the owner says otherwise. */
  readonly techniques: ReadonlySet<TechniqueName> | undefined
  readonly observed: ObservedAddresses
  readonly openings: Allowance
  readonly dials: Allowance
}

export function allows({ techniques }: Context, technique: TechniqueName): boolean {
  return techniques == null || techniques.has(technique)
}

/** What can punch here. */
export function allPunchersOf({ components }: Context): Puncher[] {
  return punchers(components.transportManager.getTransports()).map(transport => transport[punchable])
}

/** What can punch here, and may. */
export function punchersOf(context: Context): Puncher[] {
  return allPunchersOf(context).filter(({ technique }) => allows(context, technique))
}

/** Our addresses to offer, waiting a moment for the first one. */
export async function ownAddresses(context: Context, signal: AbortSignal): Promise<readonly AddressCandidate[]> {
  return await context.observed.awaitCandidates(TIMES.observationMs, signal, ({ technique }) =>
    allows(context, technique)
  )
}

/** The rules by which a peer's addresses are judged now. */
export function rulesOf(context: Context, own: readonly AddressCandidate[]): CandidateRules {
  const relays: Endpoint[] = []
  for (const connection of context.components.connectionManager.getConnections()) {
    if (connection.direct) continue
    // what stands before /p2p-circuit is the relay's own address
    const relay = endpointOf(connection.remoteAddr.decapsulate('/p2p-circuit'))
    if (relay != null) relays.push(relay)
  }
  return { own, relays, allowPrivate: context.allowPrivate }
}
