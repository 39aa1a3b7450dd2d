/** What a pipe carries last before its sender goes on by another path: no QUIC packet and no STUN message is one byte long. */
export const END_OF_FLIGHT = Uint8Array.of(0)

export function isEndOfFlight(bytes: Uint8Array): boolean {
  return bytes.length === 1 && bytes[0] === 0
}

export const ARRIVALS = {
  /** So long what came by a faster path waits for what may still be under way in the pipe. */
  waitMs: 200,
  /** Datagrams of one flow that wait. */
  max: 512,
  /** In all. */
  maxInAll: 8_192
} as const

/** What is under way to a flow by a pipe: its last datagram came then, and the end of the flight has not come. */
export interface UnderWay {
  readonly pipe: number
  lastMs: number
}

interface Receiving {
  readonly id: number
  underWay: UnderWay | undefined
}

interface Line<F> {
  readonly flow: F
  readonly untilMs: number
  readonly waiting: Uint8Array[]
}

/**
 * Keeps the order when the other side goes on by a faster path. What is still under way in a pipe, whose relay may be slow at that moment,
 * would be overtaken, and its sender's QUIC take it for lost (RFC 9002 section 6.1.1) and its window down to nothing. A pipe keeps order and tells where
 * its flight ends, so the packets of the new path wait for that; not for long, and not when the pipe has been quiet.
 */
export class Arrivals<F extends Receiving> {
  readonly #lines = new Map<number, Line<F>>()
  #waiting = 0

  /** A datagram came by a pipe. */
  byPipe(flow: F, pipe: number, nowMs: number): void {
    if (flow.underWay?.pipe === pipe) flow.underWay.lastMs = nowMs
    else flow.underWay = { pipe, lastMs: nowMs }
  }

  /** @returns what has waited for it, to be delivered now, in order */
  ended(flow: F, pipe: number): readonly Uint8Array[] {
    return flow.underWay?.pipe === pipe ? this.#end(flow) : []
  }

  /**
   * A datagram came by another path than a pipe.
   *
   * @returns what is to be delivered now, in order: nothing while it has to wait
   */
  take(flow: F, bytes: Uint8Array, nowMs: number): readonly Uint8Array[] {
    if (flow.underWay == null) return [bytes]
    let line = this.#lines.get(flow.id)
    if (line == null) {
      if (nowMs - flow.underWay.lastMs > ARRIVALS.waitMs) {
        flow.underWay = undefined
        return [bytes]
      }
      line = { flow, untilMs: nowMs + ARRIVALS.waitMs, waiting: [] }
      this.#lines.set(flow.id, line)
    }
    if (line.waiting.length >= ARRIVALS.max || this.#waiting >= ARRIVALS.maxInAll) return [...this.#end(flow), bytes]
    line.waiting.push(new Uint8Array(bytes))
    this.#waiting++
    return []
  }

  /** The flow goes, and what waits is lost with it. */
  close(flow: F): void {
    this.#end(flow)
  }

  /** Delivers what has waited long enough. @returns when to call again */
  tick(nowMs: number, deliver: (flow: F, datagrams: readonly Uint8Array[]) => void): number {
    let wakeAtMs = Number.POSITIVE_INFINITY
    for (const { flow, untilMs } of this.#lines.values()) {
      if (untilMs <= nowMs) deliver(flow, this.#end(flow))
      else wakeAtMs = Math.min(wakeAtMs, untilMs)
    }
    return wakeAtMs
  }

  #end(flow: F): readonly Uint8Array[] {
    flow.underWay = undefined
    const line = this.#lines.get(flow.id)
    if (line == null) return []
    this.#lines.delete(flow.id)
    this.#waiting -= line.waiting.length
    return line.waiting
  }
}
