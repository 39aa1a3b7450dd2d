import { SharedWork } from '../core/shared-work.ts'

/** Peers that are dialled at the same time. More wait in line: each costs handshakes, and all of them share one uplink and one process. */
export const MAX_DIALS = 64

type Dial = (signal: AbortSignal) => Promise<unknown>

/** Dials to peers that are under way: one to each, whoever waits for it, and not too many at once. */
export class Dials {
  readonly #byPeer = new Map<string, SharedWork<void>>()
  readonly #line: (() => void)[] = []
  #running = 0

  /** How many run; others may wait for their turn. */
  get running(): number {
    return this.#running
  }

  /** Waits for the dial to that peer that is under way; else for this one. @throws what the dial fails with; the signal's reason */
  async join(peer: string, signal: AbortSignal, dial: Dial): Promise<void> {
    const known = this.#byPeer.get(peer)
    const work = known != null && known.givenUp == null ? known : this.#begin(peer, dial)
    await work.join(signal)
  }

  #begin(peer: string, dial: Dial): SharedWork<void> {
    const work = new SharedWork(signal => this.#inTurn(signal, dial))
    this.#byPeer.set(peer, work)
    void work.over.then(() => {
      if (this.#byPeer.get(peer) === work) this.#byPeer.delete(peer)
    })
    return work
  }

  async #inTurn(signal: AbortSignal, dial: Dial): Promise<void> {
    if (this.#running >= MAX_DIALS) await this.#turn(signal)
    else this.#running++
    try {
      await dial(signal)
    } finally {
      // whoever is next takes over the place
      const next = this.#line.shift()
      if (next == null) this.#running--
      else next()
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      const index = this.#line.indexOf(resolve)
      // its turn may have come just now
      if (index < 0) return
      this.#line.splice(index, 1)
      reject(signal.reason)
    }
    this.#line.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }
}
