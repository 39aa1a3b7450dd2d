import type { Subscriber } from './api.ts'

/** The streams of peers that are connected here, by the peer's id: who is called hears of it by the last one that it opened. */
export class Members {
  readonly #of = new Map<string, Set<Subscriber>>()

  get count(): number {
    return this.#of.size
  }

  has(peer: string): boolean {
    return this.#of.has(peer)
  }

  add(peer: string, subscriber: Subscriber): void {
    const all = this.#of.get(peer)
    if (all == null) this.#of.set(peer, new Set([subscriber]))
    else all.add(subscriber)
  }

  remove(peer: string, subscriber: Subscriber): void {
    const all = this.#of.get(peer)
    if (all?.delete(subscriber) === true && all.size === 0) this.#of.delete(peer)
  }

  call(peer: string, envelope: Uint8Array): void {
    const all = this.#of.get(peer)
    if (all != null) [...all].at(-1)?.called(envelope)
  }
}
