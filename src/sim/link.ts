import type { Clock, Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { LinkSpec } from './spec.ts'

/** Packets on their way in one direction. More are lost, as at any router; the kernel lab has the same bound. */
const LINE_CAPACITY = 4096
/** With a rate: how long a packet may wait for its turn before it is dropped, about what home routers buffer. */
const RATE_BUFFER_MS = 100
/** What Ethernet carries. */
const DEFAULT_MTU = 1500

export type LinkVerdict = 'carried' | 'lost' | 'too-big'

/** One direction of a link: decides for each packet whether it is lost and when it arrives. */
export class Line {
  readonly #clock: Clock
  readonly #random: Random
  readonly #underWay = new Set<Timer>()
  #link: Required<LinkSpec> = ideal({})
  #cut = false
  /** When the transmitter has sent all that it took so far; only a rate makes it lag behind. */
  #busyUntilMs = 0

  constructor(clock: Clock, random: Random, link: LinkSpec) {
    this.#clock = clock
    this.#random = random
    this.change(link)
  }

  /** Holds for packets from now on; those under way arrive as they would have. */
  change(link: LinkSpec): void {
    this.#link = ideal(link)
  }

  /** A cut line loses everything, in silence. */
  set cut(cut: boolean) {
    this.#cut = cut
  }

  /** The largest IP packet that it carries. */
  get mtu(): number {
    return this.#link.mtu
  }

  /** Whether who sends more than that is not told (RFC 2923 section 2.1). */
  get blackHole(): boolean {
    return this.#link.blackHole
  }

  /** Takes a packet of so many bytes; `arrive` is called when it has come to the other end, if it does. */
  carry(bytes: number, arrive: () => void): LinkVerdict {
    const { delayMs, jitterMs, lossPercent, reorderPercent, rateMbit, mtu } = this.#link
    // drawn in any case, so that with one seed the same packets are lost whatever else is configured
    const lost = this.#draw() * 100 < lossPercent
    const jitter = jitterMs === 0 ? 0 : (this.#draw() * 2 - 1) * jitterMs
    const overtakes = reorderPercent > 0 && this.#draw() * 100 < reorderPercent
    if (bytes > mtu) return 'too-big'
    if (lost || this.#cut || this.#underWay.size >= LINE_CAPACITY) return 'lost'
    const nowMs = this.#clock.now()
    let leavesAtMs = nowMs
    if (rateMbit !== Number.POSITIVE_INFINITY) {
      const startMs = Math.max(nowMs, this.#busyUntilMs)
      if (startMs - nowMs > RATE_BUFFER_MS) return 'lost'
      leavesAtMs = startMs + (bytes * 8) / (rateMbit * 1000)
      this.#busyUntilMs = leavesAtMs
    }
    const travelMs = overtakes ? 0 : Math.max(0, delayMs + jitter)
    const timer = this.#clock.after(leavesAtMs + travelMs - nowMs, () => {
      this.#underWay.delete(timer)
      arrive()
    })
    this.#underWay.add(timer)
    return 'carried'
  }

  /** What is under way never arrives. */
  close(): void {
    this.#cut = true
    for (const timer of this.#underWay) timer.cancel()
    this.#underWay.clear()
  }

  /** 0 (included) to 1 (excluded). */
  #draw(): number {
    return this.#random.int(0, 999_999_999) / 1e9
  }
}

function ideal(link: LinkSpec): Required<LinkSpec> {
  return {
    delayMs: 0,
    jitterMs: 0,
    lossPercent: 0,
    reorderPercent: 0,
    rateMbit: Number.POSITIVE_INFINITY,
    mtu: DEFAULT_MTU,
    blackHole: false,
    ...link
  }
}
