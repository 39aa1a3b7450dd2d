/** So many relays are remembered: whom records name is up to strangers. */
const MAX_RELAYS = 1_024

/** Relays that are not our hubs, and were connected to for the sake of a peer there: they are no peers themselves. */
export class OtherRelays {
  /** The least recently used first. */
  readonly #ids = new Set<string>()

  add(id: string): void {
    this.#ids.delete(id)
    this.#ids.add(id)
    const [oldest] = this.#ids
    if (this.#ids.size > MAX_RELAYS && oldest != null) this.#ids.delete(oldest)
  }

  /** Somebody wants to connect to it as to a peer. */
  delete(id: string): void {
    this.#ids.delete(id)
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }
}
