import type { Endpoint } from '../core/machine.ts'
import type { Backend } from './backend.ts'
import type { Counts } from './counts.ts'
import type { Flow } from './flow.ts'
import { Holds } from './holds.ts'
import type { Path, SocketId } from './path.ts'
import type { Pipes } from './pipes.ts'
import type { PublicSockets } from './public-sockets.ts'

/** What flows send, one datagram at a time: all of it on the portable data plane, what is special on the fast one. */
export class Sending<Public, Loop> {
  readonly #backend: Backend<Public, Loop>
  readonly #sockets: PublicSockets<Public>
  readonly #pipes: Pipes
  readonly #counts: Counts
  readonly #holds = new Holds<Flow<Loop>>()

  constructor(backend: Backend<Public, Loop>, sockets: PublicSockets<Public>, pipes: Pipes, counts: Counts) {
    this.#backend = backend
    this.#sockets = sockets
    this.#pipes = pipes
    this.#counts = counts
  }

  toAddress(id: SocketId, to: Endpoint, bytes: Uint8Array): void {
    const socket = this.#sockets.get(id)
    if (socket == null) this.#counts.droppedSend++
    else this.#backend.send(socket, to, bytes)
  }

  /** Whether what the flow sends has to wait. */
  holds(flow: Flow<Loop>): boolean {
    return this.#holds.has(flow)
  }

  /** From now on what the flow sends waits; 0: no longer. */
  hold(flow: Flow<Loop>, holdMs: number, nowMs: number): void {
    for (const bytes of this.#holds.begin(flow, holdMs, nowMs)) this.#send(flow, bytes)
  }

  /** Sends by the path in use, now or when its turn comes. */
  send(flow: Flow<Loop>, bytes: Uint8Array, nowMs: number): void {
    if (this.#holds.has(flow)) {
      if (this.#holds.take(flow, bytes, nowMs)) {
        this.#counts.held++
        return
      }
      // no room for more: all of them leave early, in order, rather than one of them never
      this.#counts.cutHolds++
      this.hold(flow, 0, nowMs)
    }
    this.#send(flow, bytes)
  }

  /** The flow goes, and what waits is lost with it. */
  close(flow: Flow<Loop>): void {
    this.#holds.end(flow)
  }

  /** Sends what has waited long enough. @returns when to call again */
  tick(nowMs: number): number {
    return this.#holds.tick(nowMs, (flow, bytes) => this.#send(flow, bytes))
  }

  #send({ path, also }: Flow<Loop>, bytes: Uint8Array): void {
    this.#by(path, bytes)
    if (also == null) return
    this.#counts.mirrored++
    this.#by(also, bytes)
  }

  #by(path: Path, bytes: Uint8Array): void {
    if (path.kind === 'pipe') this.#pipes.write(path.pipe, bytes)
    else this.toAddress(path.socket, path.remote, bytes)
  }
}
