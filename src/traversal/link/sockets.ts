import { NatError } from '../../core/errors.ts'
import type { Path, SocketId } from '../../socket/path.ts'
import type { TechniqueName } from '../attempt.ts'
import type { TraversalInit } from './ground.ts'

interface Open {
  readonly technique: TechniqueName
  /** Paths by it from which the link takes packets. */
  paths: number
}

/** The sockets that a link's techniques have opened. When an attempt is over, those stay by which somebody has come. */
export class TechniqueSockets {
  readonly #init: Pick<TraversalInit, 'ground' | 'budget' | 'peer' | 'feed'>
  readonly #open = new Map<SocketId, Open>()
  /** Techniques whose attempts go on. */
  readonly #busy = new Set<TechniqueName>()
  #over = false

  constructor(init: Pick<TraversalInit, 'ground' | 'budget' | 'peer' | 'feed'>) {
    this.#init = init
  }

  /** @throws NatError LIMIT, LINK_CLOSED */
  async open(technique: TechniqueName, family: 4 | 6): Promise<SocketId> {
    const { ground, budget, peer } = this.#init
    if (!budget.takeSocket(peer))
      throw new NatError('LIMIT', 'too many sockets are open for techniques: try again later')
    this.#busy.add(technique)
    const socket = await ground.openSocket(family).catch(error => {
      budget.giveSocket(peer)
      throw error
    })
    this.#open.set(socket, { technique, paths: 0 })
    if (this.#over || !this.#busy.has(technique)) {
      this.#close(socket)
      throw new NatError('LINK_CLOSED', 'the attempt is over')
    }
    this.#tell(technique)
    return socket
  }

  /** The link takes packets from a path, or no more. */
  accepted(path: Path, on: boolean): void {
    const open = path.kind === 'udp' ? this.#open.get(path.socket) : undefined
    if (path.kind !== 'udp' || open == null) return
    open.paths += on ? 1 : -1
    if (open.paths > 0 || this.#busy.has(open.technique)) return
    this.#close(path.socket)
    this.#tell(open.technique)
  }

  /** An attempt is over. */
  release(technique: TechniqueName): void {
    if (!this.#busy.delete(technique)) return
    for (const [socket, { technique: whose, paths }] of this.#open) {
      if (whose === technique && paths === 0) this.#close(socket)
    }
    this.#tell(technique)
  }

  close(): void {
    this.#over = true
    for (const socket of this.#open.keys()) this.#close(socket)
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
