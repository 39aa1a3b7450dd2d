/** Of how long a mapping lived under traffic, what makes a rule. */
export const BREAKS = {
  /** Carriers that cut mappings whatever the traffic do it after 50 to 75 s (iroh#4424); longer ones break too rarely to be worth it. */
  mostMs: 150_000,
  /** What is sooner is a bad minute. */
  leastMs: 10_000,
  /** Two in a row that differ by no more than that. */
  tolerance: 0.2,
  /** How much sooner and later than these it is expected. */
  margin: 0.15
} as const

/** Foresees when a path in use breaks that does so regularly, so that the other one can carry the packets too before it happens. */
export class Breaks {
  #beganMs = 0
  #last: number | undefined
  #expected: { readonly fromMs: number; readonly untilMs: number } | undefined

  /** Packets go by a new mapping. */
  began(nowMs: number): void {
    this.#beganMs = nowMs
  }

  /** It broke, and is there again or replaced. */
  broke(nowMs: number): void {
    const ageMs = nowMs - this.#beganMs
    this.#beganMs = nowMs
    if (ageMs < BREAKS.leastMs) return
    const lastMs = this.#last
    this.#last = ageMs
    this.#expected = undefined
    if (lastMs == null || ageMs > BREAKS.mostMs) return
    const [shortMs, longMs] = [Math.min(ageMs, lastMs), Math.max(ageMs, lastMs)]
    if (longMs - shortMs > BREAKS.tolerance * longMs) return
    this.#expected = { fromMs: shortMs * (1 - BREAKS.margin), untilMs: longMs * (1 + BREAKS.margin) }
  }

  /** Whether the path may break about now. */
  isNear(nowMs: number): boolean {
    const ageMs = nowMs - this.#beganMs
    return this.#expected != null && ageMs >= this.#expected.fromMs && ageMs <= this.#expected.untilMs
  }
}
