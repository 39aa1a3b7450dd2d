/** So many are remembered: as many as a flood of them makes in a minute, which is longer than anything waits for a replayed one. */
const MAX_SEEN = 4_096

/**
 * First offers that have come. A relay can play one again that it has carried, for as long as it likes: nothing would come of it but an answer, some checks,
 * and a place that is taken until nobody finishes the handshake.
 */
export class SeenOffers {
  /** Their keys, which are made for one link each and signed; the oldest first. */
  readonly #keys = new Set<string>()

  get size(): number {
    return this.#keys.size
  }

  /** @returns whether it has not been there before */
  take({ key }: { readonly key: Uint8Array }): boolean {
    const text = Buffer.from(key).toString('base64')
    if (this.#keys.has(text)) return false
    this.#keys.add(text)
    const [oldest] = this.#keys
    if (oldest != null && this.#keys.size > MAX_SEEN) this.#keys.delete(oldest)
    return true
  }
}
