/** What one flow may have waiting: 80 ms of 30 MB/s in the engine's packets of 1,200 bytes, more than most relays carry. */
export const MAX_HELD = 2_048
/** In all, 20 MB: flows move together when a network changes. */
export const MAX_HELD_IN_ALL = 16_384
/** No path is so much faster than another that is still in use. */
export const MAX_HOLD_MS = 500

interface Line<F> {
  readonly flow: F
  readonly startMs: number
  readonly holdMs: number
  readonly waiting: { readonly bytes: Uint8Array; readonly dueMs: number }[]
}

/**
 * Datagrams that wait, because the path that their flow has moved to is faster than the one that it comes from: they would overtake
 * what is still on its way, and QUIC takes that for loss (RFC 9002 section 6.1.1).
 *
 * The first waits for the whole time, and the line then leaves at twice the pace at which it came, not in one burst that the new path
 * would have to buffer: what comes t after the move leaves at hold + t/2, so that after twice the hold nothing waits any more.
 */
export class Holds<F extends { readonly id: number }> {
  readonly #lines = new Map<number, Line<F>>()
  #waiting = 0

  /** Whether what that flow sends has to wait, or to go behind what waits. */
  has(flow: F): boolean {
    return this.#lines.size > 0 && this.#lines.has(flow.id)
  }

  /** @returns what waited, to be sent now, in order: there is nothing that could still be overtaken by it, or no time to wait for */
  begin(flow: F, holdMs: number, nowMs: number): Uint8Array[] {
    const before = this.end(flow)
    if (holdMs <= 0) return before
    const line: Line<F> = { flow, startMs: nowMs, holdMs: Math.min(holdMs, MAX_HOLD_MS), waiting: [] }
    this.#lines.set(flow.id, line)
    for (const bytes of before) this.#push(line, bytes, nowMs)
    return []
  }

  /** @returns whether it waits now. What is not taken has to go behind what `end` gives */
  take(flow: F, bytes: Uint8Array, nowMs: number): boolean {
    const line = this.#lines.get(flow.id)
    if (line == null || line.waiting.length >= MAX_HELD || this.#waiting >= MAX_HELD_IN_ALL) return false
    this.#push(line, new Uint8Array(bytes), nowMs)
    return true
  }

  /** The wait is over. @returns what waited, in order */
  end(flow: F): Uint8Array[] {
    const line = this.#lines.get(flow.id)
    if (line == null) return []
    this.#lines.delete(flow.id)
    this.#waiting -= line.waiting.length
    return line.waiting.map(({ bytes }) => bytes)
  }

  /** Sends what is due. @returns when to call again */
  tick(nowMs: number, send: (flow: F, bytes: Uint8Array) => void): number {
    for (const { flow, startMs, holdMs, waiting } of this.#lines.values()) {
      const later = waiting.findIndex(({ dueMs }) => dueMs > nowMs)
      const due = waiting.splice(0, later < 0 ? waiting.length : later)
      this.#waiting -= due.length
      if (waiting.length === 0 && nowMs >= startMs + 2 * holdMs) this.#lines.delete(flow.id)
      for (const { bytes } of due) send(flow, bytes)
    }
    // more may come at any moment, and it is for a few milliseconds only
    return this.#lines.size > 0 ? nowMs + 1 : Number.POSITIVE_INFINITY
  }

  #push({ startMs, holdMs, waiting }: Line<F>, bytes: Uint8Array, nowMs: number): void {
    waiting.push({ bytes, dueMs: Math.max(nowMs, startMs + holdMs + (nowMs - startMs) / 2) })
    this.#waiting++
  }
}
