import {
  decodeStun,
  encodeStun,
  find,
  type StunAttribute,
  type StunMessage,
  unknownRequired
} from '../wire/stun/index.ts'
import { NatError } from './errors.ts'
import { canonicalIp } from './ip.ts'
import type { Endpoint, Input, Machine, Step } from './machine.ts'
import type { Random } from './random.ts'

/** RFC 8489 section 6.2.1: with these a request is sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, and given up at 39.5 s. */
export interface RetransmissionSchedule {
  /** Until the first retransmission; doubled for each further one. @default 500 */
  readonly rtoMs: number
  /** Rc: how often the request is sent in all. @default 7 */
  readonly sends: number
  /** Rm: how many `rtoMs` to wait after the last one. @default 16 */
  readonly lastWaits: number
}

export const RETRANSMISSION: RetransmissionSchedule = { rtoMs: 500, sends: 7, lastWaits: 16 }

export interface StunTransactionInit {
  readonly to: Endpoint
  /** The request as it goes out; see `stunRequest`. */
  readonly request: Uint8Array
  /** Who may answer, where that is not only `to`: the server's other sockets after a CHANGE-REQUEST. */
  readonly from?: (source: Endpoint) => boolean
  readonly schedule?: Partial<RetransmissionSchedule>
}

export type StunOutcome =
  | {
      readonly type: 'answered'
      readonly response: StunMessage
      readonly from: Endpoint
      /** Since the last sending before the answer: too short when the answer is to an earlier one. */
      readonly rttMs: number
      readonly sends: number
    }
  | {
      readonly type: 'refused'
      readonly response: StunMessage
      readonly from: Endpoint
      /** The error code; undefined when the answer has none. */
      readonly code: number | undefined
      readonly rttMs: number
      readonly sends: number
    }
  /** `unknown-attributes`: the answer has some that must be understood, so it means nothing to us (RFC 8489 section 6.3.3). */
  | { readonly type: 'failed'; readonly reason: 'timeout' | 'unknown-attributes'; readonly sends: number }

/**
 * One request and its answer (RFC 8489 section 6): sends, sends again, and ends with one event. Only an answer with the
 * transaction's id and method, and from where it was asked, counts.
 *
 * As a part of another machine: `step` it with the packets that are STUN and with every tick, merge the sends, and wake at
 * the earliest of all.
 */
export class StunTransaction implements Machine<StunOutcome> {
  readonly #init: StunTransactionInit
  readonly #schedule: RetransmissionSchedule
  readonly #asked: StunMessage
  #sends = 0
  #sentAtMs = 0
  #wakeAtMs = 0
  #done = false

  /** @throws NatError MALFORMED when the request is none */
  constructor(init: StunTransactionInit) {
    this.#init = init
    this.#schedule = { ...RETRANSMISSION, ...init.schedule }
    this.#asked = decodeStun(init.request)
  }

  get to(): Endpoint {
    return this.#init.to
  }

  get done(): boolean {
    return this.#done
  }

  step(nowMs: number, input: Input): Step<StunOutcome> {
    if (this.#done) return { done: true }
    switch (input.type) {
      case 'start':
        return this.#send(nowMs)
      case 'tick':
        if (nowMs < this.#wakeAtMs) return { wakeAtMs: this.#wakeAtMs }
        if (this.#sends < this.#schedule.sends) return this.#send(nowMs)
        return this.#end({ type: 'failed', reason: 'timeout', sends: this.#sends })
      case 'packet': {
        const response = this.#responseIn(input.bytes, input.from)
        return response == null ? { wakeAtMs: this.#wakeAtMs } : this.#end(this.#outcome(nowMs, response, input.from))
      }
      case 'cancel':
        this.#done = true
        return { done: true }
      default:
        return input satisfies never
    }
  }

  #send(nowMs: number): Step<StunOutcome> {
    const { rtoMs, sends, lastWaits } = this.#schedule
    const waitMs = this.#sends + 1 < sends ? rtoMs * 2 ** this.#sends : rtoMs * lastWaits
    this.#sends++
    this.#sentAtMs = nowMs
    this.#wakeAtMs = nowMs + waitMs
    return { send: [{ bytes: this.#init.request, to: this.#init.to }], wakeAtMs: this.#wakeAtMs }
  }

  #end(event: StunOutcome): Step<StunOutcome> {
    this.#done = true
    return { events: [event], done: true }
  }

  #responseIn(bytes: Uint8Array, source: Endpoint): StunMessage | undefined {
    const { to, from = endpoint => sameEndpoint(endpoint, to) } = this.#init
    if (this.#sends === 0 || !carries(bytes, this.#asked.transactionId) || !from(source)) return undefined
    const response = decoded(bytes)
    if (response == null || response.method !== this.#asked.method) return undefined
    if (response.class !== 'success' && response.class !== 'error') return undefined
    return response
  }

  #outcome(nowMs: number, response: StunMessage, from: Endpoint): StunOutcome {
    const common = { response, from, rttMs: nowMs - this.#sentAtMs, sends: this.#sends }
    if (unknownRequired(response).length > 0) {
      return { type: 'failed', reason: 'unknown-attributes', sends: this.#sends }
    }
    if (response.class === 'success') return { type: 'answered', ...common }
    return { type: 'refused', ...common, code: find(response, 'ERROR-CODE')?.code }
  }
}

/** A binding request with a new transaction id and a FINGERPRINT, by which a shared port tells its answer from QUIC. */
export function stunRequest(random: Random, ...attributes: readonly StunAttribute[]): Uint8Array {
  const transactionId = random.bytes(12)
  return encodeStun({ class: 'request', method: 'binding', transactionId, attributes }, { fingerprint: true })
}

function carries(bytes: Uint8Array, transactionId: Uint8Array): boolean {
  return bytes.length >= 20 && transactionId.every((byte, i) => bytes[8 + i] === byte)
}

function decoded(bytes: Uint8Array): StunMessage | undefined {
  try {
    return decodeStun(bytes)
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && (a.address === b.address || canonicalIp(a.address) === canonicalIp(b.address))
}
