export interface AllowanceInit {
  /** How many may go at once to one key. */
  readonly burst: number
  /** How long one spent unit takes to come back. */
  readonly refillMs: number
  /** How many keys are remembered at once. */
  readonly maxKeys: number
}

interface Bucket {
  left: number
  atMs: number
}

/**
 * A token bucket per key, in bounded memory. It fails closed: when every bucket in the table is in use, a new key gets
 * nothing, because whoever can invent keys must not be able to make it forget the old ones.
 */
export class Allowance {
  readonly #init: AllowanceInit
  /** The least recently used first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(init: AllowanceInit) {
    this.#init = init
  }

  /** @returns whether the key has a unit left, which stays */
  has(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? this.#admit(nowMs)
    return bucket != null && this.#leftAt(bucket, nowMs) >= 1
  }

  /** @returns whether the key had a unit left, which is now spent */
  take(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? this.#admit(nowMs)
    if (bucket == null) return false
    const left = this.#leftAt(bucket, nowMs)
    this.#buckets.delete(key)
    this.#buckets.set(key, { left: left < 1 ? left : left - 1, atMs: nowMs })
    return left >= 1
  }

  /** Gives back all that the key has spent. */
  restore(key: string): void {
    this.#buckets.delete(key)
  }

  get size(): number {
    return this.#buckets.size
  }

  #leftAt(bucket: Bucket, nowMs: number): number {
    return Math.min(this.#init.burst, bucket.left + (nowMs - bucket.atMs) / this.#init.refillMs)
  }

  #admit(nowMs: number): Bucket | undefined {
    if (this.#buckets.size >= this.#init.maxKeys) {
      const [oldestKey, oldest] = this.#buckets.entries().next().value!
      if (this.#leftAt(oldest, nowMs) < this.#init.burst) return undefined
      this.#buckets.delete(oldestKey)
    }
    return { left: this.#init.burst, atMs: nowMs }
  }
}
