import type { Random } from '../../src/core/random.ts'
import type { LinkSpec } from '../spec.ts'

/** Packets on their way in one direction: 6 MB of full ones, so 300 MB/s at a delay of 20 ms. More are lost, as at any router. */
export const LINE_CAPACITY = 4096
/** With a rate: how long a packet may wait for its turn before it is dropped, about what home routers buffer. */
const RATE_BUFFER_MS = 100

/**
 * One direction of a shaped link: decides for each packet whether it is lost and when it arrives. Pure of sockets and
 * clocks. A binary heap by arrival, then by order of sending, so packets keep their order when the delay is constant.
 */
export class DelayLine {
  readonly #random: Random
  #link: Required<LinkSpec> = ideal({})
  readonly #dueAtMs = new Float64Array(LINE_CAPACITY)
  readonly #order = new Float64Array(LINE_CAPACITY)
  readonly #slots = new Int32Array(LINE_CAPACITY)
  #length = 0
  #sent = 0
  /** When the transmitter has sent all that it took so far; only a rate makes it lag behind. */
  #busyUntilMs = 0

  constructor(random: Random, link: LinkSpec) {
    this.#random = random
    this.change(link)
  }

  /** Holds for packets from now on; those under way arrive as they would have. */
  change(link: LinkSpec): void {
    this.#link = ideal(link)
  }

  /** Takes a packet of so many bytes, known as `slot`. @returns false when it is lost */
  offer(nowMs: number, slot: number, bytes: number): boolean {
    const { delayMs, jitterMs, lossPercent, rateMbit } = this.#link
    // drawn in any case, so that with one seed the same packets are lost whatever else is configured
    const lost = this.#draw() * 100 < lossPercent
    const jitter = jitterMs === 0 ? 0 : (this.#draw() * 2 - 1) * jitterMs
    if (lost || this.#length === LINE_CAPACITY) return false
    let leavesAtMs = nowMs
    if (rateMbit !== Number.POSITIVE_INFINITY) {
      const startMs = Math.max(nowMs, this.#busyUntilMs)
      if (startMs - nowMs > RATE_BUFFER_MS) return false
      leavesAtMs = startMs + (bytes * 8) / (rateMbit * 1000)
      this.#busyUntilMs = leavesAtMs
    }
    this.#push(Math.max(leavesAtMs, leavesAtMs + delayMs + jitter), slot)
    return true
  }

  /** When the next packet arrives; Infinity when none is under way. */
  get nextAtMs(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#dueAtMs[0]!
  }

  /** @returns the slot of the next packet that has arrived, or -1 */
  take(nowMs: number): number {
    if (this.#length === 0 || this.#dueAtMs[0]! > nowMs) return -1
    const slot = this.#slots[0]!
    this.#length--
    if (this.#length > 0)
      this.#sink(this.#dueAtMs[this.#length]!, this.#order[this.#length]!, this.#slots[this.#length]!)
    return slot
  }

  /** 0 (included) to 1 (excluded). */
  #draw(): number {
    return this.#random.int(0, 999_999_999) / 1e9
  }

  #push(dueAtMs: number, slot: number): void {
    let at = this.#length++
    // one that was sent later comes later at the same time: only a strictly later parent sinks
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#dueAtMs[parent]! <= dueAtMs) break
      this.#put(at, this.#dueAtMs[parent]!, this.#order[parent]!, this.#slots[parent]!)
      at = parent
    }
    this.#put(at, dueAtMs, this.#sent++, slot)
  }

  /** Fills the hole at the root. */
  #sink(dueAtMs: number, order: number, slot: number): void {
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= this.#length) break
      if (child + 1 < this.#length && this.#isBefore(child + 1, this.#dueAtMs[child]!, this.#order[child]!)) child++
      if (!this.#isBefore(child, dueAtMs, order)) break
      this.#put(at, this.#dueAtMs[child]!, this.#order[child]!, this.#slots[child]!)
      at = child
    }
    this.#put(at, dueAtMs, order, slot)
  }

  #isBefore(at: number, dueAtMs: number, order: number): boolean {
    const due = this.#dueAtMs[at]!
    return due < dueAtMs || (due === dueAtMs && this.#order[at]! < order)
  }

  #put(at: number, dueAtMs: number, order: number, slot: number): void {
    this.#dueAtMs[at] = dueAtMs
    this.#order[at] = order
    this.#slots[at] = slot
  }
}

function ideal(link: LinkSpec): Required<LinkSpec> {
  return { delayMs: 0, jitterMs: 0, lossPercent: 0, rateMbit: Number.POSITIVE_INFINITY, ...link }
}
