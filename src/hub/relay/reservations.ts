import type { PeerId } from '@libp2p/interface'
import type { Clock, Timer } from '../../core/clock.ts'
import { Events } from '../../core/events.ts'
import type { RelayLimits } from './limits.ts'
import type { ReservationEvents } from './reservation-events.ts'

interface Held {
  /** When it ends, on the clock. */
  readonly endsMs: number
  /** Whose limit it counts for (core/ip.ts `sourceOf`). */
  readonly source: string
}

/** Who may be reached over this relay, and until when. */
export class Reservations {
  readonly #limits: () => RelayLimits
  readonly #clock: Clock
  readonly #events: Events<ReservationEvents>
  /** The one that was granted first comes first. */
  readonly #held = new Map<string, Held>()
  readonly #from = new Map<string, number>()
  #timer: Timer | undefined

  constructor(limits: () => RelayLimits, clock: Clock, events = new Events<ReservationEvents>()) {
    this.#limits = limits
    this.#clock = clock
    this.#events = events
  }

  get count(): number {
    return this.#held.size
  }

  /** Grants one, or renews the one that there is. @returns why not */
  grant(peer: PeerId, source: string): string | undefined {
    const { maxReservations, maxReservationsFrom, reservationTtlSeconds } = this.#limits()
    const nowMs = this.#clock.now()
    const key = peer.toString()
    this.#endOver()
    const had = this.#remove(key)
    const refused = (why: string) => {
      if (had) this.#events.emit('ended', key)
      return why
    }
    if (this.#held.size >= maxReservations) return refused(`it keeps at most ${maxReservations} at once`)
    const others = this.#from.get(source) ?? 0
    if (others >= maxReservationsFrom) {
      return refused(`it keeps at most ${maxReservationsFrom} at once for peers of one address`)
    }
    this.#held.set(key, { endsMs: nowMs + reservationTtlSeconds * 1_000, source })
    this.#from.set(source, others + 1)
    this.#wake()
    this.#events.emit('granted', key)
    return undefined
  }

  has(peer: PeerId): boolean {
    return (this.#held.get(peer.toString())?.endsMs ?? Number.NEGATIVE_INFINITY) > this.#clock.now()
  }

  drop(peer: PeerId): void {
    const key = peer.toString()
    if (this.#remove(key)) this.#events.emit('ended', key)
  }

  /** Ends those of peers that may not have one any more. */
  dropIf(mayNot: (peer: string) => boolean): void {
    for (const key of [...this.#held.keys()]) {
      if (!mayNot(key)) continue
      this.#remove(key)
      this.#events.emit('ended', key)
    }
  }

  clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#held.clear()
    this.#from.clear()
  }

  /** Those that have run out. */
  #endOver(): void {
    const nowMs = this.#clock.now()
    for (const [key, { endsMs }] of this.#held) {
      // all last equally long, so the first that has not ended is followed by none that has
      if (endsMs > nowMs) break
      this.#remove(key)
      this.#events.emit('ended', key)
    }
  }

  #wake(): void {
    const [first] = this.#held.values()
    if (this.#timer != null || first == null) return
    this.#timer = this.#clock.after(first.endsMs - this.#clock.now(), () => {
      this.#timer = undefined
      this.#endOver()
      this.#wake()
    })
  }

  #remove(key: string): boolean {
    const held = this.#held.get(key)
    if (held == null) return false
    this.#held.delete(key)
    const others = (this.#from.get(held.source) ?? 0) - 1
    if (others > 0) this.#from.set(held.source, others)
    else this.#from.delete(held.source)
    return true
  }
}
