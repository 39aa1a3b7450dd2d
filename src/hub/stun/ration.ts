import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { sourceOf } from '../../core/ip.ts'
import type { StunLimits } from './limits.ts'
import type { StunArrival, StunReply } from './respond.ts'
import { respond } from './respond.ts'
import type { StunSite } from './sites.ts'

const HEADER_BYTES = 20

/** Answers within the limits of each source: what is beyond them gets no answer, as if it had been lost. */
export class RationedStun {
  readonly #clock: Clock
  readonly #answers: Allowance
  readonly #redirected: Allowance

  constructor(limits: StunLimits, clock: Clock) {
    this.#clock = clock
    this.#answers = new Allowance(limits.answers)
    this.#redirected = new Allowance(limits.redirected)
  }

  respond(bytes: Uint8Array, arrival: StunArrival, sites: readonly StunSite[]): StunReply | undefined {
    // the type of a binding request is 0x0001; nobody can be answered on port 0
    if (bytes.length < HEADER_BYTES || bytes[0] !== 0 || bytes[1] !== 1 || arrival.from.port === 0) return undefined
    const source = sourceOf(arrival.from.address)
    const nowMs = this.#clock.now()
    if (!this.#answers.take(source, nowMs)) return undefined
    const reply = respond(bytes, arrival, sites)
    return reply?.redirected === true && !this.#redirected.take(source, nowMs) ? undefined : reply
  }
}
