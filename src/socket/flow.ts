import type { UnderWay } from './arrivals.ts'
import type { Path, Role } from './path.ts'

/** A remote address and port as one key: a number for IPv4 (address × 65536 + port), text for IPv6. */
export type RemoteKey = number | string

/** One conversation between our QUIC engine and one peer: it has a loopback socket of its own. */
export interface Flow<Handle> {
  readonly id: number
  readonly role: Role
  readonly handle: Handle
  /** Where it sends. What it no longer takes packets from it may still send to, in vain: a socket or pipe that is closed. */
  path: Path
  /** Where it sends everything a second time. */
  also: Path | undefined
  /** Where it takes packets from. */
  readonly paths: FlowPath<Handle>[]
  /** Source ids of our engine's long headers: what it is addressed by, as far as that can be seen. */
  readonly ids: Set<string>
  /** When it was opened, or opened again. */
  openedMs: number
  lastInMs: number
  lastOutMs: number
  /** Datagrams that the engine has sent, since somebody last asked. */
  sent: number
  /** The remote address is not forged: somebody there knows an id that our engine made up (RFC 9000 section 8.1). */
  confirmed: boolean
  /** The engine's server has had a connection by it. */
  accepted: boolean
  /** The id that a client has made up for the engine's server, of a link's flow: its first packet came by the link's pipe. */
  openedWith: string | undefined
  /** Connections of the engine, and dials under way, that use it. */
  uses: number
  /** A link's: as long as it is used, neither silence nor the loss of its path ends it. */
  readonly keep: boolean
  /** What may still come by a pipe, before what has come by a faster path (arrivals.ts). */
  underWay: UnderWay | undefined
  /** What its engine has sent into silence (unheard.ts): after which datagram was heard, and the last of them. */
  unheard: { readonly afterMs: number; readonly datagrams: Uint8Array[] }
  /** The engine is done with it: it goes when this time has come. */
  expiresAtMs: number
}

/** A path that a flow takes packets from. */
export interface FlowPath<Handle> {
  readonly flow: Flow<Handle>
  readonly path: Path
  /** The remote address that it is filed under; a pipe has none. */
  readonly key: RemoteKey | undefined
  /** Whoever is there has answered for it; else it may be the address of somebody else. */
  validated: boolean
  /** Datagrams that came by it for the flow, since somebody last asked. */
  heard: number
}

export interface FlowLimits {
  /** Flows in all. */
  readonly maxFlows: number
  /** Inbound flows that have not proved themselves: what a flood of forged Initials can hold. */
  readonly maxUnconfirmed: number
  /** How long such a flow may take: a few handshake retransmissions (1 + 2 + 4 s, RFC 9002). */
  readonly unconfirmedMs: number
  /** A flow with no packet for so long is dead; twice the engine's idle timeout and more. */
  readonly idleMs: number
  /** How long a released flow lives on, so that CONNECTION_CLOSE and its repetitions get out (RFC 9000 section 10.2). */
  readonly lingerMs: number
}

export const FLOW_LIMITS: FlowLimits = {
  maxFlows: 4096,
  maxUnconfirmed: 256,
  unconfirmedMs: 8_000,
  idleMs: 90_000,
  lingerMs: 1_000
}
