import type { Endpoint } from '../../core/machine.ts'
import type { Path, SocketId } from '../../socket/path.ts'
import type { TechniqueName } from '../attempt.ts'
import { keyOf } from './known.ts'
import { LIMITS } from './limits.ts'
import type { Prober } from './prober.ts'
import type { PathTable } from './table.ts'

export interface ProbingInit {
  readonly table: PathTable
  readonly prober: Prober
}

export interface Probe {
  readonly technique: TechniqueName
  readonly socket: SocketId
  readonly to: Endpoint
}

/** Checks beside the pairs: those of techniques that guess where the other side is, or open sockets by the hundred. Of all that is sent only what is answered becomes a path. */
export class Probing {
  readonly #init: ProbingInit
  readonly #sockets = new Map<SocketId, TechniqueName>()
  /** Who has probed which host last; the oldest first. */
  readonly #hosts = new Map<string, TechniqueName>()

  constructor(init: ProbingInit) {
    this.#init = init
  }

  /** All sockets that a technique has now. */
  sockets(technique: TechniqueName, sockets: readonly SocketId[]): void {
    for (const [socket, whose] of this.#sockets) if (whose === technique) this.#sockets.delete(socket)
    for (const socket of sockets) {
      if (this.#sockets.size < LIMITS.techniqueSockets) this.#sockets.set(socket, technique)
    }
    this.#init.table.setFurther(new Set(this.#sockets.keys()))
  }

  probe(nowMs: number, { technique, socket, to }: Probe): void {
    this.#hosts.delete(to.address)
    this.#hosts.set(to.address, technique)
    const [oldest] = this.#hosts.keys()
    if (this.#hosts.size > LIMITS.probedHosts && oldest != null) this.#hosts.delete(oldest)
    this.#init.prober.probe({ kind: 'udp', socket, remote: to }, technique, nowMs)
  }

  /** By which technique a check has found us that came by no path that is known. */
  techniqueOf({ socket, remote }: Extract<Path, { kind: 'udp' }>): TechniqueName | undefined {
    return this.#sockets.get(socket) ?? this.#hosts.get(remote.address)
  }

  /** An answer: if it is to a probe, there is a path now. */
  heard(nowMs: number, id: Uint8Array, from: Path): void {
    const { table, prober } = this.#init
    const probed = prober.probed(id, from)
    if (probed != null && table.get(keyOf(from)) == null) table.addPeerReflexive(from, probed.technique, nowMs)
  }
}
