import type { NatError } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Flow, RemoteKey } from './flow.ts'
import type { SocketId } from './path.ts'

/**
 * The sockets of one kind of data plane. Callbacks instead of promises: the FFI plane's thread sleeps in the kernel and
 * never runs a promise job. Nothing here throws.
 */
export interface Backend<Public, Loop> {
  bind(address: string, port: number, done: (result: { socket: Public; port: number } | NatError) => void): void
  /** The bound socket is filed under this number. */
  opened(socket: Public, id: SocketId): void
  unbind(socket: Public): void
  keyOf(remote: Endpoint): RemoteKey
  /** Opens a loopback socket; aimed at the engine's server when a port is given, else at whoever of the engine sends first. */
  openLoop(enginePort: number | undefined, remote: Endpoint | undefined): Loop
  /** The loopback socket belongs to this flow. */
  assigned(loop: Loop, flow: Flow<Loop>): void
  /** Tells the loopback port as soon as it is known, or why there is none: LIMIT, or LINK_CLOSED when it was closed before. */
  whenOpen(loop: Loop, done: (result: number | NatError) => void): void
  /** Called after the paths of the loop's flow have changed: the address that it sends to, and the one that it also sends to. */
  aim(loop: Loop, remote: Endpoint | undefined, also: Endpoint | undefined): void
  closeLoop(loop: Loop): void
  send(socket: Public, to: Endpoint, bytes: Uint8Array): void
  /** Hands a datagram to the engine. */
  deliver(loop: Loop, bytes: Uint8Array): void
  /** Hands datagrams to the engine, in order. Not to be called while packets from the network are looked at. */
  deliverAll(loop: Loop, datagrams: readonly Uint8Array[]): void
}
