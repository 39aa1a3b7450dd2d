import type { Clock, Timer } from '../../core/clock.ts'

/** What shows that a peer is still at this hub. */
type Sign = 'reservation' | 'stream'

/**
 * The peers whose records this hub holds, for as long as they are there: who has a reservation, until that ends; who has none, as long as its stream lives. Then
 * a time of grace begins, and when it is over the record is released.
 */
export class Holdings {
  readonly #clock: Clock
  readonly #graceMs: number
  readonly #onOver: (peer: string) => void
  readonly #reserved = new Set<string>()
  readonly #streams = new Map<string, number>()
  readonly #held = new Map<string, Sign>()
  /** The one that is over first comes first: grace is the same for all. */
  readonly #graceEndsMs = new Map<string, number>()
  #timer: Timer | undefined
  #isOver = false

  constructor(clock: Clock, graceMs: number, onOver: (peer: string) => void) {
    this.#clock = clock
    this.#graceMs = graceMs
    this.#onOver = onOver
  }

  get count(): number {
    return this.#held.size
  }

  isReserved(peer: string): boolean {
    return this.#reserved.has(peer)
  }

  /** It has a reservation, or has renewed it. */
  granted(peer: string): void {
    this.#reserved.add(peer)
    if (!this.#held.has(peer)) return
    this.#held.set(peer, 'reservation')
    this.#settle(peer)
  }

  ended(peer: string): void {
    this.#reserved.delete(peer)
    this.#settle(peer)
  }

  /** A stream of it is there. */
  joined(peer: string): void {
    this.#streams.set(peer, (this.#streams.get(peer) ?? 0) + 1)
    this.#settle(peer)
  }

  parted(peer: string): void {
    const left = (this.#streams.get(peer) ?? 0) - 1
    if (left > 0) this.#streams.set(peer, left)
    else this.#streams.delete(peer)
    this.#settle(peer)
  }

  /** The hub holds its record from now on. */
  hold(peer: string): void {
    this.#held.set(peer, this.#reserved.has(peer) ? 'reservation' : 'stream')
    this.#settle(peer)
  }

  /** The hub has held its record in its life before. */
  resume(peer: string): void {
    if (!this.#held.has(peer)) this.hold(peer)
  }

  stop(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#graceEndsMs.clear()
  }

  #settle(peer: string): void {
    const sign = this.#held.get(peer)
    if (sign == null || this.#isOver) return
    // a reservation that ended counts for more than a stream that lives: nobody reaches that peer here
    const isThere = sign === 'reservation' ? this.#reserved.has(peer) : this.#streams.has(peer)
    if (isThere) this.#graceEndsMs.delete(peer)
    else if (!this.#graceEndsMs.has(peer)) {
      this.#graceEndsMs.set(peer, this.#clock.now() + this.#graceMs)
      this.#wake()
    }
  }

  #wake(): void {
    const [firstMs] = this.#graceEndsMs.values()
    if (this.#timer != null || firstMs == null) return
    this.#timer = this.#clock.after(firstMs - this.#clock.now(), () => {
      this.#timer = undefined
      this.#endOver()
      this.#wake()
    })
  }

  #endOver(): void {
    const nowMs = this.#clock.now()
    for (const [peer, endsMs] of this.#graceEndsMs) {
      if (endsMs > nowMs) return
      this.#held.delete(peer)
      this.#graceEndsMs.delete(peer)
      this.#onOver(peer)
    }
  }
}
