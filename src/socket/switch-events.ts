import type { Endpoint } from '../core/machine.ts'
import type { Path, SocketId } from './path.ts'
import type { FlowInfo } from './plane.ts'

/** What a switch tells by itself. */
export type SwitchEvents = {
  /** The engine's server is about to see a connection from this loopback port. */
  inbound: FlowInfo
  /** A flow ended: it was released, never proved itself, or was silent. */
  gone: { flow: number; loopbackPort: number }
  /** A STUN message came in by a public socket. */
  stun: { socket: SocketId; from: Endpoint; bytes: Uint8Array }
  /** About so many handshakes of the engine's servers are under way; told when it changes much. */
  handshakes: { count: number }
  /** Frames (wire/datagrams.ts) that are to be written to the pipe's stream. The bytes are the listener's. */
  pipe: { pipe: number; bytes: Uint8Array<ArrayBuffer> }
  /** A STUN message came in by a pipe. */
  'pipe-stun': { pipe: number; bytes: Uint8Array }
  /** What came by the pipe was no frame. It is closed. */
  'pipe-broken': { pipe: number; reason: string }
  /** What has moved on a flow that is watched since it was last told: datagrams that the engine sent, and that came by each path. */
  traffic: { flow: number; sent: number; heard: readonly { readonly path: Path; readonly count: number }[] }
}
