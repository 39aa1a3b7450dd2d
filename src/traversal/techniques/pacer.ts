import { PROBING, type Probe, type ProbingAction } from './probing.ts'

export interface Pace {
  /** How many leave at once. */
  readonly batch: number
  readonly everyMs: number
}

/** When a machine is to be woken: its next probes are due, or its time is over. */
export function wakeAt(pacer: Pacer | undefined, untilMs: number): number {
  return Math.min(pacer?.wakeAtMs ?? untilMs, untilMs)
}

/** Lets probes go at a pace, in their order; what was held back goes first when its time comes. */
export class Pacer {
  readonly #pace: Pace
  readonly #rest: Iterator<Probe>
  readonly #next: Probe[] = []
  #atMs: number
  #sent = 0
  #held = 0

  constructor(probes: Iterable<Probe>, pace: Pace, nowMs: number) {
    this.#pace = pace
    this.#rest = probes[Symbol.iterator]()
    this.#atMs = nowMs
    this.#fill()
  }

  get sent(): number {
    return this.#sent
  }

  /** Whether the last ones were held back. */
  get isHeld(): boolean {
    return this.#held > 0
  }

  /** When the next ones go; undefined when all have gone. */
  get wakeAtMs(): number | undefined {
    return this.#next.length === 0 ? undefined : this.#atMs
  }

  /** Those that are due. */
  take(nowMs: number): ProbingAction[] {
    if (nowMs < this.#atMs) return []
    const probes = this.#next.splice(0, this.#pace.batch)
    this.#fill()
    this.#held = 0
    this.#sent += probes.length
    // a clock that is late catches up on nothing: whatever waits on the way would get it all at once
    this.#atMs = nowMs + this.#pace.everyMs
    return probes.map(probe => ({ type: 'probe', probe }))
  }

  putBack(nowMs: number, probes: readonly Probe[]): void {
    this.#sent -= probes.length
    this.#held = probes.length
    this.#next.unshift(...probes)
    this.#atMs = nowMs + PROBING.heldMs
  }

  #fill(): void {
    while (this.#next.length < this.#pace.batch) {
      const { done, value } = this.#rest.next()
      if (done === true) return
      this.#next.push(value)
    }
  }
}
