import { END_OF_FLIGHT } from './arrivals.ts'
import type { Backend } from './backend.ts'
import type { Flow } from './flow.ts'
import type { FlowTable } from './flows.ts'
import { type Path, type SocketId, samePath } from './path.ts'
import type { Pipes } from './pipes.ts'
import type { PublicSockets } from './public-sockets.ts'
import type { Sending } from './sending.ts'

/** What steering needs of the board that it belongs to. */
export interface Steered<Public, Loop> {
  readonly flows: FlowTable<Loop>
  readonly sockets: PublicSockets<Public>
  readonly pipes: Pipes
  readonly sending: Sending<Public, Loop>
  /** Ends a flow that has no path left. */
  close(flow: Flow<Loop>): void
}

/** Which paths a flow takes packets from, and by which it sends: what the main thread has decided. */
export class Steering<Public, Loop> {
  readonly #backend: Backend<Public, Loop>
  readonly #board: Steered<Public, Loop>

  constructor(backend: Backend<Public, Loop>, board: Steered<Public, Loop>) {
    this.#backend = backend
    this.#board = board
  }

  /**
   * From now on packets that come by that path are the flow's, too.
   *
   * @param validated whoever is there has answered for it, and is not kept out by what may be forged
   * @returns false when there is no such flow or path, the pipe is another flow's, or there are too many
   */
  admit(id: number, path: Path, validated = true): boolean {
    const flow = this.#board.flows.get(id)
    if (flow == null || !this.#exists(path)) return false
    const key = path.kind === 'udp' ? this.#backend.keyOf(path.remote) : undefined
    return this.#board.flows.admit(flow, path, key, validated)
  }

  /** Packets that come by that path are no longer the flow's. What is sent by it still is. */
  dismiss(id: number, path: Path): void {
    const flow = this.#board.flows.get(id)
    if (flow != null) this.#board.flows.dismiss(flow, path)
  }

  /**
   * The flow sends by that path, and by the other one, too.
   *
   * @param holdMs for so long what it sends next waits
   * @returns false, with nothing changed, when it may not take packets from the path
   */
  move(id: number, path: Path, also: Path | undefined, holdMs: number, nowMs: number): boolean {
    const flow = this.#board.flows.get(id)
    if (flow == null || !this.admit(id, path)) return false
    this.#aim(flow, path, also != null && !samePath(also, path) && this.#exists(also) ? also : undefined)
    this.#board.sending.hold(flow, holdMs, nowMs)
    return true
  }

  /** The socket is about to be closed. */
  leaveSocket(socket: SocketId): void {
    for (const flow of this.#board.flows.all()) {
      this.#leave(flow, path => path.kind === 'udp' && path.socket === socket)
    }
  }

  /** The pipe is closed. */
  leavePipe(pipe: number): void {
    const flow = this.#board.flows.byPipe(pipe)?.flow
    if (flow != null) this.#leave(flow, path => path.kind === 'pipe' && path.pipe === pipe)
  }

  /** A link's flow stays even without a path: it may get another. Any other has no use without one. */
  #leave(flow: Flow<Loop>, gone: (path: Path) => boolean): void {
    const affected = gone(flow.path) || flow.paths.some(({ path }) => gone(path))
    for (const { path } of flow.paths.filter(({ path }) => gone(path))) this.#board.flows.dismiss(flow, path)
    if (affected && flow.paths.length === 0 && !(flow.keep && flow.uses > 0)) {
      this.#board.close(flow)
      return
    }
    const also = flow.also != null && gone(flow.also) ? undefined : flow.also
    // a pipe that packets come from leads to the peer; an address may be one that it only claims
    const pipe = gone(flow.path) ? flow.paths.find(({ path }) => path.kind === 'pipe')?.path : undefined
    if (pipe != null || also !== flow.also) this.#aim(flow, pipe ?? flow.path, also)
  }

  #exists(path: Path): boolean {
    return path.kind === 'pipe' ? this.#board.pipes.has(path.pipe) : this.#board.sockets.get(path.socket) != null
  }

  #aim(flow: Flow<Loop>, path: Path, also: Path | undefined): void {
    // what comes by a faster path waits for what is under way in a pipe, if it is told where that ends
    for (const before of [flow.path, flow.also]) {
      const left = before?.kind === 'pipe' && ![path, also].some(each => each != null && samePath(each, before))
      if (left && this.#board.pipes.has(before.pipe)) this.#board.pipes.write(before.pipe, END_OF_FLIGHT)
    }
    flow.path = path
    flow.also = also
    this.#backend.aim(flow.handle, remoteOf(path), remoteOf(also))
  }
}

function remoteOf(path: Path | undefined) {
  return path?.kind === 'udp' ? path.remote : undefined
}
