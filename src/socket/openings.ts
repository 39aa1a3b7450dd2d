import { NatError } from '../core/errors.ts'
import type { Backend } from './backend.ts'
import type { Counts } from './counts.ts'
import type { Flow } from './flow.ts'
import type { FlowTable } from './flows.ts'
import type { Path, Role } from './path.ts'
import type { Pipes } from './pipes.ts'
import type { FlowInfo } from './plane.ts'

/** What openings need of the board that they belong to. */
export interface Opened<Loop> {
  readonly flows: FlowTable<Loop>
  readonly pipes: Pipes
  readonly counts: Counts
  close(flow: Flow<Loop>): void
}

/** Opens flows, and knows the loopback port of each. */
export class Openings<Public, Loop> {
  readonly #backend: Backend<Public, Loop>
  readonly #board: Opened<Loop>
  readonly #ports = new Map<number, Flow<Loop>>()
  readonly #portOf = new Map<number, number>()

  constructor(backend: Backend<Public, Loop>, board: Opened<Loop>) {
    this.#backend = backend
    this.#board = board
  }

  byPort(loopbackPort: number): Flow<Loop> | undefined {
    return this.#ports.get(loopbackPort)
  }

  /** The flow of that role that there is by the path, or a new one. */
  find(role: Role, path: Path, enginePort: number | undefined, nowMs: number): Flow<Loop> | NatError {
    const { flows, pipes } = this.#board
    const there =
      path.kind === 'udp'
        ? flows.shared(path.socket, this.#backend.keyOf(path.remote), role)
        : flows.byPipe(path.pipe)?.flow
    if (there?.role === role) return there
    if (there != null || (path.kind === 'pipe' && !pipes.has(path.pipe))) {
      return new NatError('LINK_CLOSED', 'the pipe is closed, or carries another connection already')
    }
    const bound = `the packet switch holds ${flows.size} peers, which is its bound: close some first`
    return this.open(role, path, enginePort, nowMs) ?? new NatError('LIMIT', bound)
  }

  /** @returns undefined when there is no room for one more */
  open(role: Role, path: Path, enginePort: number | undefined, nowMs: number): Flow<Loop> | undefined {
    const { flows, counts } = this.#board
    // who opens a pipe is known, so that what comes by it does not count among what may be forged
    const room = flows.room(path.kind === 'pipe' ? 'client' : role, nowMs)
    if (!room.ok) {
      counts.droppedTableFull++
      return undefined
    }
    if (room.evict != null) this.#board.close(room.evict)
    const remote = path.kind === 'udp' ? path.remote : undefined
    const loop = this.#backend.openLoop(enginePort, remote)
    const flow = flows.add(role, path, remote == null ? undefined : this.#backend.keyOf(remote), loop, nowMs)
    this.#backend.assigned(loop, flow)
    return flow
  }

  /** Tells of the flow as soon as its loopback port is known, or why it could not be opened. */
  whenOpen(flow: Flow<Loop>, done: (result: FlowInfo | NatError) => void): void {
    this.#backend.whenOpen(flow.handle, result => {
      if (result instanceof NatError) {
        if (result.code === 'LIMIT') this.#board.counts.droppedTableFull++
        this.#board.close(flow)
        done(result)
        return
      }
      this.#ports.set(result, flow)
      this.#portOf.set(flow.id, result)
      done({ flow: flow.id, loopbackPort: result, path: flow.path })
    })
  }

  /** The flow is gone. @returns the loopback port that it had, when that was known */
  forget(flow: Flow<Loop>): number | undefined {
    const loopbackPort = this.#portOf.get(flow.id)
    this.#portOf.delete(flow.id)
    if (loopbackPort != null && this.#ports.get(loopbackPort) === flow) this.#ports.delete(loopbackPort)
    return loopbackPort
  }
}
