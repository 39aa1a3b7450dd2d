import type { ErrorCode } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Counts } from './counts.ts'
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
  /** A loopback port of the switch, by which what comes by the pipe reaches the engine's server on that port. Answer: {@link FlowInfo}. */
  | { readonly op: 'serve'; readonly pipe: number; readonly enginePort: number }
  /** The engine's server has a connection on that loopback port. Answer: {@link FlowInfo}, or null when no flow has it. */
  | { readonly op: 'accept'; readonly loopbackPort: number }
  /** The engine is done with what was dialled or accepted; `now`: nothing that it still sends may leave. */
  | { readonly op: 'release'; readonly flow: number; readonly now: boolean }
  /** Answer: whether it could be done. */
  | { readonly op: 'admit'; readonly flow: number; readonly path: Path; readonly validated: boolean }
  /** Answer: whether it could be done. */
  | {
      readonly op: 'move'
      readonly flow: number
      readonly path: Path
      readonly also?: Path
      readonly holdMs: number
    }
  /** Answer: {@link PlaneStats}. */
  | { readonly op: 'stats' }
  | { readonly op: 'stop' }

/** What it is told, without an answer. */
export type PlaneNotice =
  | { readonly op: 'send'; readonly socket: SocketId; readonly to: Endpoint; readonly bytes: Uint8Array }
  | { readonly op: 'open-pipe'; readonly pipe: number }
  | { readonly op: 'close-pipe'; readonly pipe: number }
  /** The next bytes of a pipe's stream. */
  | { readonly op: 'pipe'; readonly pipe: number; readonly bytes: Uint8Array }
  | { readonly op: 'dismiss'; readonly flow: number; readonly path: Path }
  | { readonly op: 'watch'; readonly flow: number; readonly on: boolean }

export type PlaneRequest = (PlaneCall & { readonly id: number }) | PlaneNotice

export interface Bound {
  readonly socket: SocketId
  readonly port: number
}

export interface FlowInfo {
  readonly flow: number
  readonly loopbackPort: number
  readonly path: Path
}

export interface PlaneStats extends Readonly<Counts> {
  readonly flows: number
  /** Paths that flows take packets from. */
  readonly admitted: number
  readonly pipes: number
  /** Handshakes that the engine's server has begun and not finished. */
  readonly handshakes: number
  /** Initials of addresses that have too many handshakes under way. */
  readonly droppedHandshake: number
}

/** What the worker tells by itself. */
export type PlaneEvent =
  | { readonly event: 'ready'; readonly wakeFd: number | null }
  | { readonly event: 'inbound'; readonly info: FlowInfo }
  | { readonly event: 'gone'; readonly flow: number; readonly loopbackPort: number }
  | { readonly event: 'stun'; readonly socket: SocketId; readonly from: Endpoint; readonly bytes: Uint8Array }
  /** So many handshakes are under way, in steps. */
  | { readonly event: 'handshakes'; readonly count: number }
  /** Frames (wire/datagrams.ts) to be written to the pipe's stream. */
  | { readonly event: 'pipe'; readonly pipe: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly event: 'pipe-stun'; readonly pipe: number; readonly bytes: Uint8Array }
  /** What came by the pipe was no frame: it is closed. */
  | { readonly event: 'pipe-broken'; readonly pipe: number; readonly reason: string }
  /** What has moved on a flow that is watched: datagrams that the engine sent, and those that came by each path. */
  | {
      readonly event: 'traffic'
      readonly flow: number
      readonly sent: number
      readonly heard: readonly { readonly path: Path; readonly count: number }[]
    }

export type PlaneValue = Bound | FlowInfo | PlaneStats | boolean | null

export type PlaneReply =
  | { readonly id: number; readonly value: PlaneValue }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } }
