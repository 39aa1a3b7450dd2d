import { NatError } from '../core/errors.ts'
import { type Arrivals, isEndOfFlight } from './arrivals.ts'
import type { Counts } from './counts.ts'
import { isStun } from './demux.ts'
import type { Flow, FlowPath } from './flow.ts'
import type { FlowTable } from './flows.ts'
import type { HandshakeGate } from './handshake-gate.ts'
import type { Pipes } from './pipes.ts'
import type { PlaneEvent } from './plane.ts'

/** What reading pipes needs of the board. */
export interface PipeReceiving<Loop> {
  readonly flows: FlowTable<Loop>
  readonly pipes: Pipes
  readonly counts: Counts
  received(entry: FlowPath<Loop>, bytes: Uint8Array): void
}

/** What comes in by pipes: STUN for the main thread, packets for the engine, and where a flight ends. */
export class PipeInput<Loop> {
  readonly #board: PipeReceiving<Loop>
  readonly #backend: { deliverAll(loop: Loop, datagrams: readonly Uint8Array[]): void }
  readonly #gate: HandshakeGate<Loop>
  readonly #arrivals: Arrivals<Flow<Loop>>
  readonly #post: (event: PlaneEvent) => void

  constructor(
    board: PipeReceiving<Loop>,
    backend: { deliverAll(loop: Loop, datagrams: readonly Uint8Array[]): void },
    gate: HandshakeGate<Loop>,
    arrivals: Arrivals<Flow<Loop>>,
    post: (event: PlaneEvent) => void
  ) {
    this.#board = board
    this.#backend = backend
    this.#gate = gate
    this.#arrivals = arrivals
    this.#post = post
  }

  /** Takes the next bytes of the stream. @returns why there can be no more of them */
  take(pipe: number, chunk: Uint8Array, nowMs: number): NatError | undefined {
    const datagrams = this.#board.pipes.read(pipe, chunk)
    if (datagrams instanceof NatError) return datagrams
    const entry = this.#board.flows.byPipe(pipe)
    const forFlow = datagrams.filter(bytes => this.#isForFlow(pipe, entry, bytes, nowMs))
    if (entry == null) return undefined
    const { flow } = entry
    if (forFlow.length > 0) {
      this.#arrivals.byPipe(flow, pipe, nowMs)
      this.#backend.deliverAll(flow.handle, forFlow)
    }
    // behind all that came in the same piece
    if (datagrams.some(isEndOfFlight)) this.#backend.deliverAll(flow.handle, this.#arrivals.ended(flow, pipe))
    return undefined
  }

  #isForFlow(pipe: number, entry: FlowPath<Loop> | undefined, bytes: Uint8Array, nowMs: number): boolean {
    if (isEndOfFlight(bytes)) return false
    if (bytes[0]! < 0x40 && isStun(bytes)) {
      this.#board.counts.stun++
      this.#post({ event: 'pipe-stun', pipe, bytes: new Uint8Array(bytes) })
      return false
    }
    if (entry == null) this.#board.counts.droppedUnknown++
    if (entry == null || !this.#gate.admits(entry, bytes, nowMs)) return false
    this.#board.received(entry, bytes)
    return true
  }
}
