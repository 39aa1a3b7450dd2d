import { sourceOf } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import { longHeader } from './demux.ts'
import type { Flow, FlowPath } from './flow.ts'
import { type Ended, Handshakes } from './handshakes.ts'
import type { PlaneEvent } from './plane.ts'

/** Of how many handshakes more or less the main thread is told; its engine has takers for twice as many at any time. */
const STEP = 16

/** What stands between the network and the engine's server: how many handshakes that has to do with at once. */
export class HandshakeGate<Loop> {
  /** Initials that did not pass. */
  dropped = 0
  readonly #handshakes = new Handshakes<Flow<Loop>>()
  readonly #deliver: (loop: Loop, bytes: Uint8Array) => void
  readonly #post: (event: PlaneEvent) => void
  #told = 0

  /** @param deliver hands a datagram to the engine */
  constructor(deliver: (loop: Loop, bytes: Uint8Array) => void, post: (event: PlaneEvent) => void) {
    this.#deliver = deliver
    this.#post = post
  }

  get size(): number {
    return this.#handshakes.size
  }

  /** Whether a flow may be opened for one more handshake. */
  hasRoom(remote: Endpoint, nowMs: number): boolean {
    const room = this.#handshakes.hasRoom(sourceOf(remote.address), nowMs)
    if (!room) this.dropped++
    return room
  }

  /** Whether the engine gets this packet: anything but one more handshake than may come by that path. */
  admits({ flow, path }: FlowPath<Loop>, bytes: Uint8Array, nowMs: number): boolean {
    const header = flow.role === 'server' ? longHeader(bytes) : undefined
    if (header?.opensConnection !== true) return true
    // a pipe is one peer's, who opened it for one connection
    const [host, most] = path.kind === 'udp' ? [sourceOf(path.remote.address)] : [`pipe ${path.pipe}`, 1]
    const { ok, ended } = this.#handshakes.admit(flow, host, header, nowMs, most)
    if (!ok) this.dropped++
    if (ended != null) this.#end([ended])
    this.#tell(Math.max(this.#told, this.size))
    return ok
  }

  /** The engine sent this for the flow. */
  sent(flow: Flow<Loop>, bytes: Uint8Array): void {
    const header = flow.role === 'server' ? longHeader(bytes) : undefined
    if (header != null) this.#handshakes.answered(flow, header)
  }

  /** The engine's server has a connection by this flow. */
  finished(flow: Flow<Loop>): void {
    this.#handshakes.finished(flow)
  }

  /** To be called now and then. */
  tick(nowMs: number): void {
    this.#end(this.#handshakes.expired(nowMs))
    this.#tell(this.size)
  }

  /** The flow is about to go: its loopback socket is still open. */
  close(flow: Flow<Loop>): void {
    this.#end(this.#handshakes.endAll(flow))
  }

  #end(ended: Iterable<Ended<Flow<Loop>>>): void {
    for (const { flow, close } of ended) if (close != null) this.#deliver(flow.handle, close)
  }

  /** In steps: the engine is to have enough takers, and the main thread not a message for each packet of a flood. */
  #tell(count: number): void {
    const steps = Math.floor(count / STEP) * STEP
    if (steps === this.#told) return
    this.#told = steps
    this.#post({ event: 'handshakes', count: steps })
  }
}
