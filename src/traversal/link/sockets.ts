import { NatError } from '../../core/errors.ts'
import type { Path, SocketId } from '../../socket/path.ts'
import type { TechniqueName } from '../attempt.ts'
import { keyOf } from '../paths/known.ts'
import type { TraversalInit } from './ground.ts'

interface Open {
  readonly technique: TechniqueName
  readonly of: AttemptSockets
  /** Those by it from which the link takes packets. */
  readonly paths: Set<string>
}

/** What one attempt opens. */
export interface AttemptSockets {
  /**
   * @returns as many as there may be, and no more than asked for
   * @throws NatError LIMIT when there may be none, LINK_CLOSED, and why the system gives none
   */
  open(count: number, family: 4 | 6): Promise<readonly SocketId[]>
  /** The attempt is over. */
  release(): void
}

/** The sockets that a link's techniques have opened. When an attempt is over, those stay by which somebody has come. */
export class TechniqueSockets {
  readonly #init: Pick<TraversalInit, 'ground' | 'budget' | 'peer' | 'feed'>
  readonly #open = new Map<SocketId, Open>()
  readonly #over = new Set<AttemptSockets>()
  #closed = false

  constructor(init: Pick<TraversalInit, 'ground' | 'budget' | 'peer' | 'feed'>) {
    this.#init = init
  }

  ofAttempt(technique: TechniqueName): AttemptSockets {
    let isOver = false
    const isLive = () => !isOver && !this.#closed
    const openOne = async (family: 4 | 6): Promise<SocketId> => {
      const socket = await this.#bind(family)
      this.#open.set(socket, { technique, of: sockets, paths: new Set() })
      if (!isLive()) this.#close(socket)
      return socket
    }
    const sockets: AttemptSockets = {
      open: async (count, family) => {
        const { budget, peer } = this.#init
        const opening: Promise<SocketId>[] = []
        while (opening.length < count && isLive() && budget.takeSocket(peer)) opening.push(openOne(family))
        const ended = await Promise.allSettled(opening)
        if (!isLive()) throw new NatError('LINK_CLOSED', 'the attempt is over')
        const opened = ended.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
        if (opened.length === 0 && count > 0) throw ended.find(each => each.status === 'rejected')?.reason ?? tooMany()
        // for each of them alone the agent would look at all sockets there are
        if (opened.length > 0) this.#tell(technique)
        return opened
      },
      release: () => {
        isOver = true
        this.#over.add(sockets)
        this.#sweep(sockets)
        this.#tell(technique)
      }
    }
    return sockets
  }

  /** The link takes packets from a path, or no more. */
  accepted(path: Path, on: boolean): void {
    const open = path.kind === 'udp' ? this.#open.get(path.socket) : undefined
    if (open == null) return
    if (on) open.paths.add(keyOf(path))
    else open.paths.delete(keyOf(path))
    if (open.paths.size > 0 || !this.#over.has(open.of)) return
    this.#sweep(open.of)
    this.#tell(open.technique)
  }

  close(): void {
    this.#closed = true
    for (const socket of this.#open.keys()) this.#close(socket)
  }

  /** Its place has been taken; where there is no socket, it is given back. */
  async #bind(family: 4 | 6): Promise<SocketId> {
    const { ground, budget, peer } = this.#init
    try {
      return await ground.openSocket(family)
    } catch (error) {
      budget.giveSocket(peer)
      throw error
    }
  }

  /** Of an attempt that is over, what nobody comes by is not needed. */
  #sweep(of: AttemptSockets): void {
    const left = [...this.#open].filter(([, open]) => open.of === of)
    const used = left.filter(([, { paths }]) => paths.size > 0)
    for (const [socket, { paths }] of left) if (paths.size === 0) this.#close(socket)
    if (used.length === 0) this.#over.delete(of)
  }

  #close(socket: SocketId): void {
    if (!this.#open.delete(socket)) return
    this.#init.ground.closeSocket(socket)
    this.#init.budget.giveSocket(this.#init.peer)
  }

  #tell(technique: TechniqueName): void {
    const sockets = [...this.#open].flatMap(([socket, open]) => (open.technique === technique ? [socket] : []))
    this.#init.feed({ type: 'technique-sockets', technique, sockets })
  }
}

function tooMany(): NatError {
  return new NatError('LIMIT', 'too many sockets are open for techniques: try again later')
}
