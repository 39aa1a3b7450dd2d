export interface ByteRateInit {
  readonly perSecond: number
  /** What may go at once to one key. */
  readonly burst: number
  /** How many keys are remembered at once. */
  readonly maxKeys: number
}

interface Bucket {
  left: number
  atMs: number
}

/**
 * A token bucket of bytes per key, in bounded memory. When there are too many keys, the one that was silent for longest is forgotten: unlike
 * in an {@link Allowance}, what a new key is given costs others nothing.
 */
export class ByteRate {
  readonly #init: ByteRateInit
  /** The least recently used first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(init: ByteRateInit) {
    this.#init = init
  }

  /** What the key may send now. */
  left(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key)
    if (bucket == null) return this.#init.burst
    return Math.min(this.#init.burst, bucket.left + ((nowMs - bucket.atMs) / 1_000) * this.#init.perSecond)
  }

  /**
   * Takes what has been sent, which may be more than was left.
   *
   * @returns how long nothing more may be sent until that is made good, in milliseconds. Whoever sends a piece and then waits for as long
   *   takes turns with everybody else who spends of the same key.
   */
  spend(key: string, bytes: number, nowMs: number): number {
    const left = this.left(key, nowMs) - bytes
    this.#buckets.delete(key)
    this.#buckets.set(key, { left, atMs: nowMs })
    if (this.#buckets.size > this.#init.maxKeys) this.#buckets.delete(this.#buckets.keys().next().value!)
    return left >= 0 ? 0 : (-left / this.#init.perSecond) * 1_000
  }

  get size(): number {
    return this.#buckets.size
  }
}
