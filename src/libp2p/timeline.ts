/** The steps of a connect, in the order in which they come when nothing is lost. */
export const STEPS = {
  hub: 'a connection to the hub is there',
  sent: 'CONNECT, our offer and the first handshake packet have left',
  accepted: 'the hub has joined us to the other side',
  offer: "the other side's offer has come: checks begin",
  handshake: 'the QUIC handshake is done',
  ready: 'streams can be opened',
  checked: 'the first check of a direct path has been answered',
  direct: 'packets leave by a direct path'
} as const

export type TimelineStep = keyof typeof STEPS

export interface TimelineEntry {
  readonly step: TimelineStep
  /** Milliseconds since the connect began. */
  readonly ms: number
}

/** When each step of a connect was done. */
export class Timeline {
  readonly #startMs: number
  readonly #now: () => number
  readonly #entries: TimelineEntry[] = []

  constructor(now: () => number) {
    this.#now = now
    this.#startMs = now()
  }

  /** The first time counts. */
  mark(step: TimelineStep): void {
    if (this.#entries.some(entry => entry.step === step)) return
    this.#entries.push({ step, ms: Math.round((this.#now() - this.#startMs) * 10) / 10 })
  }

  get entries(): readonly TimelineEntry[] {
    return this.#entries
  }
}
