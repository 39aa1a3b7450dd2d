import type { ErrorCode } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Path, SocketId } from './path.ts'

/** The two implementations of the data plane. */
export type PlaneKind = 'ffi' | 'portable'

/** What the main thread asks of the worker that moves the packets. Those with an `id` are answered. */
export type PlaneCall =
  /** Opens a public socket; port 0 lets the system choose. Answer: {@link Bound}. */
  | { readonly op: 'bind'; readonly address: string; readonly port: number }
  | { readonly op: 'unbind'; readonly socket: SocketId }
  /** From now on, connections that come in by this socket go to the engine's server on that loopback port. */
  | { readonly op: 'listen'; readonly socket: SocketId; readonly enginePort: number | null }
  /** A loopback port for the engine's client to dial. Answer: {@link FlowInfo}. */
  | { readonly op: 'dial'; readonly path: Path; readonly punch: boolean }
  /** The engine's server has a connection on that loopback port. Answer: {@link FlowInfo}, or null when no flow has it. */
  | { readonly op: 'accept'; readonly loopbackPort: number }
  /** The engine is done with what was dialled or accepted; `now`: nothing that it still sends may leave. */
  | { readonly op: 'release'; readonly flow: number; readonly now: boolean }
  | { readonly op: 'move'; readonly flow: number; readonly path: Path }
  /** Answer: {@link PlaneStats}. */
  | { readonly op: 'stats' }
  | { readonly op: 'stop' }

export type PlaneRequest =
  | (PlaneCall & { readonly id: number })
  | { readonly op: 'send'; readonly socket: SocketId; readonly to: Endpoint; readonly bytes: Uint8Array }
  | { readonly op: 'pipe'; readonly pipe: number; readonly bytes: Uint8Array }

export interface Bound {
  readonly socket: SocketId
  readonly port: number
}

export interface FlowInfo {
  readonly flow: number
  readonly loopbackPort: number
  readonly path: Path
}

export interface PlaneStats {
  readonly flows: number
  /** Handshakes that the engine's server has begun and not finished. */
  readonly handshakes: number
  readonly droppedUnknown: number
  readonly droppedNoListener: number
  readonly droppedTableFull: number
  /** Early packets that found their flow's queue full. */
  readonly droppedEarly: number
  /** Packets that the system did not take. */
  readonly droppedSend: number
  /** Initials of addresses that have too many handshakes under way. */
  readonly droppedHandshake: number
  readonly stun: number
  /** STUN that the main thread was too busy to hear of. */
  readonly droppedStun: number
}

/** What the worker tells by itself. */
export type PlaneEvent =
  | { readonly event: 'ready'; readonly wakeFd: number | null }
  | { readonly event: 'inbound'; readonly info: FlowInfo }
  | { readonly event: 'gone'; readonly flow: number; readonly loopbackPort: number }
  | { readonly event: 'stun'; readonly socket: SocketId; readonly from: Endpoint; readonly bytes: Uint8Array }
  /** So many handshakes are under way, in steps. */
  | { readonly event: 'handshakes'; readonly count: number }
  | { readonly event: 'pipe'; readonly pipe: number; readonly bytes: Uint8Array }

export type PlaneReply =
  | { readonly id: number; readonly value: Bound | FlowInfo | PlaneStats | null }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } }
