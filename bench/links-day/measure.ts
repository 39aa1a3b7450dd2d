import type { EventName } from './events.ts'

/** After an event, and after a session, a link counts as idle again. */
export const SETTLED_MS = 600_000

export interface Idle {
  ms: number
  checks: number
  quic: number
  /** Changes of path, of both sides. */
  changes: number
}

/** What a link sends while nothing happens, by the way that it goes. */
export class IdleMeter {
  readonly ways = new Map<string, Idle>()
  #fromMs = SETTLED_MS
  #countedMs = 0

  /** @param way by which it goes now; undefined when there is no link */
  count(what: 'checks' | 'quic' | 'changes' | 'time', way: string | undefined, nowMs: number): void {
    const sinceMs = Math.max(this.#countedMs, this.#fromMs)
    this.#countedMs = nowMs
    if (way == null || nowMs < this.#fromMs) return
    const idle = this.ways.get(way) ?? { ms: 0, checks: 0, quic: 0, changes: 0 }
    this.ways.set(way, idle)
    idle.ms += nowMs - sinceMs
    if (what !== 'time') idle[what]++
  }

  /** Something happens, until then. */
  disturb(untilMs: number): void {
    this.#fromMs = Math.max(this.#fromMs, untilMs + SETTLED_MS)
  }
}

export interface Stall {
  readonly event: EventName
  readonly ms: number
}

/** How long data did not come after an event. */
export class StallMeter {
  readonly stalls: Stall[] = []
  #event: EventName | undefined
  #longestMs = 0
  #lastMs = 0

  begin(event: EventName, nowMs: number): void {
    this.#event = event
    this.#longestMs = 0
    this.#lastMs = nowMs
  }

  data(nowMs: number): void {
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs)
    this.#lastMs = nowMs
  }

  end(): void {
    if (this.#event != null) this.stalls.push({ event: this.#event, ms: this.#longestMs })
    this.forget()
  }

  forget(): void {
    this.#event = undefined
  }
}
