import type { PeerId } from '@libp2p/interface'
import type { Clock, Timer } from '../../core/clock.ts'
import { Events } from '../../core/events.ts'
import type { RelayLimits } from './limits.ts'
import type { ReservationEvents } from './reservation-events.ts'

/** Who may be reached over this relay, and until when. */
export class Reservations {
  readonly #limits: RelayLimits
  readonly #clock: Clock
  readonly #events: Events<ReservationEvents>
  /** When each ends, on the clock; the one that was granted first comes first. */
  readonly #endsMs = new Map<string, number>()
  #timer: Timer | undefined

  constructor(limits: RelayLimits, clock: Clock, events = new Events<ReservationEvents>()) {
    this.#limits = limits
    this.#clock = clock
    this.#events = events
  }

  get count(): number {
    return this.#endsMs.size
  }

  /** Grants one, or renews the one that there is. @returns false when the relay is full */
  grant(peer: PeerId): boolean {
    const nowMs = this.#clock.now()
    const key = peer.toString()
    this.#endsMs.delete(key)
    this.#endOver()
    if (this.#endsMs.size >= this.#limits.maxReservations) return false
    this.#endsMs.set(key, nowMs + this.#limits.reservationTtlSeconds * 1_000)
    this.#wake()
    this.#events.emit('granted', key)
    return true
  }

  has(peer: PeerId): boolean {
    return (this.#endsMs.get(peer.toString()) ?? Number.NEGATIVE_INFINITY) > this.#clock.now()
  }

  drop(peer: PeerId): void {
    const key = peer.toString()
    if (this.#endsMs.delete(key)) this.#events.emit('ended', key)
  }

  clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#endsMs.clear()
  }

  /** Those that have run out. */
  #endOver(): void {
    const nowMs = this.#clock.now()
    for (const [key, endsMs] of this.#endsMs) {
      // all last equally long, so the first that has not ended is followed by none that has
      if (endsMs > nowMs) break
      this.#endsMs.delete(key)
      this.#events.emit('ended', key)
    }
  }

  #wake(): void {
    const [firstMs] = this.#endsMs.values()
    if (this.#timer != null || firstMs == null) return
    this.#timer = this.#clock.after(firstMs - this.#clock.now(), () => {
      this.#timer = undefined
      this.#endOver()
      this.#wake()
    })
  }
}
