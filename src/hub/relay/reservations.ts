import type { PeerId } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import type { RelayLimits } from './limits.ts'

/** Who may be reached over this relay, and until when. */
export class Reservations {
  readonly #limits: RelayLimits
  readonly #clock: Clock
  /** When each ends, on the clock; the one that was granted first comes first. */
  readonly #endsMs = new Map<string, number>()

  constructor(limits: RelayLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get count(): number {
    return this.#endsMs.size
  }

  /** Grants one, or renews the one that there is. @returns false when the relay is full */
  grant(peer: PeerId): boolean {
    const nowMs = this.#clock.now()
    const key = peer.toString()
    this.#endsMs.delete(key)
    for (const [other, endsMs] of this.#endsMs) {
      // all last equally long, so the first that has not ended is followed by none that has
      if (endsMs > nowMs) break
      this.#endsMs.delete(other)
    }
    if (this.#endsMs.size >= this.#limits.maxReservations) return false
    this.#endsMs.set(key, nowMs + this.#limits.reservationTtlSeconds * 1_000)
    return true
  }

  has(peer: PeerId): boolean {
    return (this.#endsMs.get(peer.toString()) ?? Number.NEGATIVE_INFINITY) > this.#clock.now()
  }

  drop(peer: PeerId): void {
    this.#endsMs.delete(peer.toString())
  }

  clear(): void {
    this.#endsMs.clear()
  }
}
