import type { Board } from '../board.ts'
import type { Flow } from '../flow.ts'
import { keepUnheard } from '../unheard.ts'
import type { Batch } from './batch.ts'
import type { Loop } from './loops.ts'
import type { PublicSocket } from './sockets.ts'

/** What the engine sends, in the slots of a batch, on its way to where its flow's packets go. */
export class Outgoing {
  readonly #batch: Batch
  readonly #board: Board<PublicSocket, Loop>

  constructor(batch: Batch, board: Board<PublicSocket, Loop>) {
    this.#batch = batch
    this.#board = board
  }

  /** Sends the slots from `first`, `count` excluded. When this returns they may be filled anew. */
  send(flow: Flow<Loop>, first: number, count: number): void {
    const datagrams = this.#count(first, count)
    flow.sent += datagrams
    if (this.#board.sending.holds(flow)) this.#sendApart(flow, first, count)
    else this.#sendJoined(flow, first, count, datagrams)
    this.#board.pipes.flush()
  }

  /** Keeps what is in the slots, as it may go nowhere; before they are sent. */
  keepUnheard(flow: Flow<Loop>, first: number, count: number): void {
    const { arena } = this.#batch
    for (let i = first; i < count; i++) for (const part of arena.segments(i)) keepUnheard(flow, part)
  }

  #sendJoined(flow: Flow<Loop>, first: number, count: number, datagrams: number): void {
    const { path, also, handle: loop } = flow
    const { counts, sockets } = this.#board
    // before the slots are prepared, which no longer tell the datagrams in them apart
    if (path.kind === 'pipe') this.#toPipe(path.pipe, first, count)
    if (also?.kind === 'pipe') this.#toPipe(also.pipe, first, count)
    if (also != null) counts.mirrored += datagrams
    const socket = path.kind === 'udp' ? sockets.get(path.socket) : undefined
    const other = also?.kind === 'udp' ? sockets.get(also.socket) : undefined
    if (path.kind === 'udp' && socket == null) counts.droppedSend += datagrams
    if (socket == null && other == null) return
    const { arena } = this.#batch
    for (let i = first; i < count; i++) arena.prepare(i, loop.main.low, loop.main.high, loop.main.bytes)
    if (socket != null) this.#batch.flush(socket, first, count)
    if (other == null) return
    for (let i = first; i < count; i++) arena.redirect(i, loop.also.low, loop.also.high, loop.also.bytes)
    this.#batch.flush(other, first, count)
  }

  /** What has to wait is kept one by one. */
  #sendApart(flow: Flow<Loop>, first: number, count: number): void {
    for (let i = first; i < count; i++) {
      for (const datagram of this.#batch.arena.segments(i)) this.#board.send(flow, datagram)
    }
  }

  #toPipe(pipe: number, first: number, count: number): void {
    for (let i = first; i < count; i++) {
      for (const datagram of this.#batch.arena.segments(i)) this.#board.pipes.write(pipe, datagram)
    }
  }

  #count(first: number, count: number): number {
    let datagrams = 0
    for (let i = first; i < count; i++) datagrams += this.#batch.arena.count(i)
    return datagrams
  }
}
