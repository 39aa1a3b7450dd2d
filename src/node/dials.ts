import { SharedWork } from '../core/shared-work.ts'
import { Turns } from '../core/turns.ts'

/** Peers that are dialled at the same time. More wait in line: each costs handshakes, and all of them share one uplink and one process. */
export const MAX_DIALS = 64

type Dial = (signal: AbortSignal) => Promise<unknown>

/** Dials to peers that are under way: one to each, whoever waits for it, and not too many at once. */
export class Dials {
  readonly #byPeer = new Map<string, SharedWork<void>>()
  readonly #turns = new Turns(MAX_DIALS)

  /** How many run; others may wait for their turn. */
  get running(): number {
    return this.#turns.running
  }

  /** Waits for the dial to that peer that is under way; else for this one. @throws what the dial fails with; the signal's reason */
  async join(peer: string, signal: AbortSignal, dial: Dial): Promise<void> {
    const known = this.#byPeer.get(peer)
    const work = known != null && known.givenUp == null ? known : this.#begin(peer, dial)
    await work.join(signal)
  }

  #begin(peer: string, dial: Dial): SharedWork<void> {
    const work = new SharedWork<void>(async signal => {
      await this.#turns.take(signal, () => dial(signal))
    })
    this.#byPeer.set(peer, work)
    void work.over.then(() => {
      if (this.#byPeer.get(peer) === work) this.#byPeer.delete(peer)
    })
    return work
  }
}
