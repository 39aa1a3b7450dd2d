import type { Endpoint } from '../../core/machine.ts'
import { portsBetween, stepsBetween } from './predict-ports.ts'
import type { ProbingAction, ProbingInput, SocketIndex } from './probing.ts'

/**
 * Finds out which public port a sequential NAT has given a socket towards somebody who cannot tell us: that socket sends between two others that ask a hub.
 * What the hub sees of those two is on either side of it, however many ports others behind the NAT take in between.
 */
export class Bracket {
  readonly #targets: readonly Endpoint[]
  #sockets: readonly SocketIndex[] = []
  readonly #seen = new Map<SocketIndex, Endpoint | undefined>()

  constructor(targets: readonly Endpoint[]) {
    this.#targets = targets
  }

  start(): ProbingAction[] {
    return [{ type: 'open', count: 3 }]
  }

  /** @returns undefined when sockets are missing: it cannot go on */
  opened(input: Extract<ProbingInput, { type: 'opened' }>): ProbingAction[] | undefined {
    this.#sockets = input.sockets
    const [before, between, after] = input.sockets
    if (before == null || between == null || after == null) return undefined
    return [{ type: 'observe', socket: before }, ...this.again(), { type: 'observe', socket: after }]
  }

  /** What the socket sends; when it is lost before our NAT it is sent again. */
  again(): ProbingAction[] {
    const from = this.#sockets[1]
    return from == null ? [] : this.#targets.map(to => ({ type: 'probe', probe: { from, to } }))
  }

  observed({ socket, as }: Extract<ProbingInput, { type: 'observed' }>): void {
    if (socket === this.#sockets[0] || socket === this.#sockets[2]) this.#seen.set(socket, as)
  }

  /** Whether both have been answered, or will not be. */
  get isDone(): boolean {
    return this.#seen.size === 2
  }

  /** The socket that lies between. */
  get from(): SocketIndex {
    return this.#sockets[1]!
  }

  /** As whom a hub saw the two, in their order. */
  get ends(): { readonly address: string; readonly first: number; readonly last: number } | undefined {
    const first = this.#seen.get(this.#sockets[0]!)
    const last = this.#seen.get(this.#sockets[2]!)
    if (first == null || last == null || first.address !== last.address) return undefined
    return { address: first.address, first: first.port, last: last.port }
  }

  /** Where others may see the socket, the likely ones first; packets that overtake each other are allowed for by one more at each end. */
  endpoints(step: number, most: number): readonly Endpoint[] {
    const { ends } = this
    if (ends == null) return []
    const between = Math.max(1, stepsBetween(ends.first, ends.last, step) - 1)
    return portsBetween(ends.first, ends.last, step, Math.min(most, between + 2)).map(port => ({
      address: ends.address,
      port
    }))
  }
}
