/**
 * When to repeat the first flight of a punching dial, milliseconds after it. Five, so that an address which somebody only
 * claims to be behind gets a handful of packets with the engine's own retransmissions, and no more.
 */
export const REPEAT_AFTER_MS = [20, 50, 100, 200, 400] as const
/** The client's first flight is one or two datagrams (a large ClientHello). */
const MAX_REPEATED = 3

interface FirstFlight {
  readonly datagrams: Uint8Array[]
  /** When the first of them left. */
  startMs: number
  repeats: number
}

/**
 * The first flights of punching dials, repeated until something comes back: the engine itself waits a second before it
 * tries again, and a hole opens at some moment that neither side knows.
 */
export class FirstFlights {
  readonly #flights = new Map<number, FirstFlight>()

  /** What the flow sends next is the first flight of a punching dial. */
  expect(flow: number): void {
    this.#flights.set(flow, { datagrams: [], startMs: 0, repeats: 0 })
  }

  /** The engine sent this for the flow. */
  sent(flow: number, bytes: Uint8Array, nowMs: number): void {
    const flight = this.#flights.get(flow)
    if (flight == null || flight.repeats > 0 || flight.datagrams.length >= MAX_REPEATED) return
    if (flight.datagrams.length === 0) flight.startMs = nowMs
    // not slice(), which for a Buffer is a view of the same memory
    flight.datagrams.push(new Uint8Array(bytes))
  }

  /** Whether the flow's first flight may still be repeated. */
  has(flow: number): boolean {
    return this.#flights.size > 0 && this.#flights.has(flow)
  }

  /** An answer came, or the flow is gone: no more repetitions. */
  forget(flow: number): void {
    if (this.#flights.size > 0) this.#flights.delete(flow)
  }

  /**
   * Repeats what is due, once even when several moments have passed.
   *
   * @param send returns whether the flow can still be sent on
   * @returns when to call again
   */
  tick(nowMs: number, send: (flow: number, bytes: Uint8Array) => boolean): number {
    let wakeAtMs = Number.POSITIVE_INFINITY
    for (const [flow, flight] of this.#flights) {
      if (flight.datagrams.length === 0) {
        // the engine may begin at any moment, and is not to be late for the first repetition
        wakeAtMs = Math.min(wakeAtMs, nowMs + REPEAT_AFTER_MS[0])
        continue
      }
      const dueAtMs = () => flight.startMs + (REPEAT_AFTER_MS[flight.repeats] ?? Number.POSITIVE_INFINITY)
      if (dueAtMs() <= nowMs) {
        while (dueAtMs() <= nowMs) flight.repeats++
        if (!flight.datagrams.every(bytes => send(flow, bytes))) flight.repeats = REPEAT_AFTER_MS.length
      }
      if (flight.repeats >= REPEAT_AFTER_MS.length) this.#flights.delete(flow)
      else wakeAtMs = Math.min(wakeAtMs, dueAtMs())
    }
    return wakeAtMs
  }
}
