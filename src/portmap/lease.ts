import type { Endpoint } from '../core/machine.ts'
import type { Random } from '../core/random.ts'
import type { Grant, Outcome, Wanted } from './mapping.ts'
import type { Refusal } from './reason.ts'
import { isSameAddress } from './uplink.ts'

export const LEASE = {
  /** What is asked for. Two hours is what RFC 6886 section 3.3 recommends; a router may forget earlier without telling, so one. */
  wantedSeconds: 3_600,
  /** A router that grants less, or nothing, is taken at this: else it would have us ask all the time. */
  minSeconds: 30,
  /** What is granted for longer is renewed as if it were a day. RFC 6887 section 15 lets a server give as much. */
  maxSeconds: 86_400,
  /** What is granted for good is looked after so often, since the router may have restarted. */
  permanentSeconds: 7_200,
  /** Between two attempts to renew (RFC 6887 section 11.2.1). */
  minPauseMs: 4_000,
  /** How many other ports are tried when the one wanted is taken. */
  maxPorts: 6,
  /** After a refusal or silence; doubles up to half an hour, which is as long as RFC 6887 section 7.4's long lifetime errors last. */
  firstRetryMs: 60_000,
  maxRetryMs: 1_800_000
} as const

export type LeaseInput =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  /** What became of the last `map`. */
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  /** The router has forgotten its mappings, or says that it is there: ask again now. */
  | { readonly type: 'again' }
  /** It is another router now: what was mapped is out of reach. */
  | { readonly type: 'moved' }
  | { readonly type: 'cancel' }

export type LeaseEvent =
  /** There is a mapping, or its external endpoint has changed. */
  | { readonly type: 'mapped'; readonly grant: Grant }
  | { readonly type: 'lost'; readonly grant: Grant }
  /** There is none, and why; once for each reason in a row. */
  | { readonly type: 'failed'; readonly refusal: Refusal }

export interface LeaseStep {
  /** To be done now: ask for this port outside, or delete. `map` is answered by an `outcome`. */
  readonly act?: { readonly type: 'map'; readonly externalPort: number } | { readonly type: 'unmap' }
  readonly events?: readonly LeaseEvent[]
  readonly wakeAtMs?: number
  readonly done?: boolean
}

/** One mapping, whichever protocol makes it: when to ask, for which port, and what to tell. In time that is handed in. */
export class Lease {
  readonly #wanted: Wanted
  readonly #random: Random
  #state: 'waiting' | 'asking' | 'ended' = 'waiting'
  #held: { readonly grant: Grant; readonly expiresAtMs: number } | undefined
  /** The port to ask for: the one inside, until that is taken. */
  #port: number
  #portsTaken = 0
  #retryMs: number = LEASE.firstRetryMs
  /** What is under way asks a router that is ours no more. */
  #asksAnother = false
  #told: string | undefined

  constructor(wanted: Wanted, random: Random) {
    this.#wanted = wanted
    this.#random = random
    this.#port = wanted.internalPort
  }

  /** What is mapped now. */
  get held(): Grant | undefined {
    return this.#held?.grant
  }

  step(nowMs: number, input: LeaseInput): LeaseStep {
    if (this.#state === 'ended') return { done: true }
    switch (input.type) {
      case 'start':
        return this.#ask(nowMs)
      case 'tick':
        return this.#state === 'asking' ? {} : this.#ask(nowMs)
      case 'again':
        // what is under way was asked after whatever has happened, or finds out
        if (this.#state === 'asking') return {}
        this.#retryMs = LEASE.firstRetryMs
        return this.#ask(nowMs)
      case 'moved': {
        const events = this.#lose()
        this.#asksAnother = this.#state === 'asking'
        return this.#asksAnother ? { events } : { ...this.#ask(nowMs), events }
      }
      case 'outcome':
        if (this.#asksAnother) return this.#ask(nowMs)
        this.#state = 'waiting'
        return 'granted' in input.outcome
          ? this.#granted(nowMs, input.outcome.granted)
          : this.#refused(nowMs, input.outcome.refused)
      case 'cancel':
        this.#state = 'ended'
        return { act: { type: 'unmap' }, done: true }
      default:
        return input satisfies never
    }
  }

  #ask(nowMs: number): LeaseStep {
    const events = this.#expire(nowMs)
    this.#asksAnother = false
    this.#state = 'asking'
    return { act: { type: 'map', externalPort: this.#port }, events }
  }

  #granted(nowMs: number, grant: Grant): LeaseStep {
    const before = this.#held?.grant
    const lifeMs = lifetimeOf(grant) * 1000
    this.#held = { grant, expiresAtMs: nowMs + lifeMs }
    // another port than asked for is fine, and the one to keep
    this.#port = grant.external.port
    this.#portsTaken = 0
    this.#retryMs = LEASE.firstRetryMs
    this.#told = undefined
    const isNews = before == null || before.by !== grant.by || !isSame(before.external, grant.external)
    return { events: isNews ? [{ type: 'mapped', grant }] : [], wakeAtMs: nowMs + this.#pauseMs(lifeMs) }
  }

  #refused(nowMs: number, refusal: Refusal): LeaseStep {
    // a router that is silent may be back before the mapping ends; one that refuses has none for us
    if (refusal.reason === 'no-answer' && this.#held != null && nowMs < this.#held.expiresAtMs) {
      const leftMs = this.#held.expiresAtMs - nowMs
      const pauseMs = Math.min(leftMs, this.#retryMs, this.#pauseMs(leftMs))
      this.#retryMs = Math.min(LEASE.maxRetryMs, this.#retryMs * 2)
      return { wakeAtMs: nowMs + pauseMs }
    }
    const events = this.#lose()
    if (refusal.reason === 'conflict' && ++this.#portsTaken < LEASE.maxPorts) {
      this.#port = this.#random.int(1024, 65_535)
      this.#state = 'asking'
      return { act: { type: 'map', externalPort: this.#port }, events }
    }
    this.#portsTaken = 0
    this.#port = this.#wanted.internalPort
    if (this.#told !== refusal.reason) events.push({ type: 'failed', refusal })
    this.#told = refusal.reason
    const pauseMs = Math.min(LEASE.maxRetryMs, Math.max(this.#retryMs, (refusal.retryAfterSeconds ?? 0) * 1000))
    this.#retryMs = Math.min(LEASE.maxRetryMs, this.#retryMs * 2)
    return { events, wakeAtMs: nowMs + pauseMs }
  }

  #expire(nowMs: number): LeaseEvent[] {
    return this.#held != null && nowMs >= this.#held.expiresAtMs ? this.#lose() : []
  }

  #lose(): LeaseEvent[] {
    const held = this.#held
    this.#held = undefined
    return held == null ? [] : [{ type: 'lost', grant: held.grant }]
  }

  /** Half of what is left, and up to an eighth more, so that not all clients of a router come at once (RFC 6887 section 11.2.1). */
  #pauseMs(leftMs: number): number {
    return Math.max(LEASE.minPauseMs, Math.floor(leftMs / 2) + this.#random.int(0, Math.floor(leftMs / 8)))
  }
}

function lifetimeOf({ lifetimeSeconds }: Grant): number {
  if (lifetimeSeconds == null) return LEASE.permanentSeconds
  return Math.min(LEASE.maxSeconds, Math.max(LEASE.minSeconds, lifetimeSeconds))
}

function isSame(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && isSameAddress(one.address, other.address)
}
