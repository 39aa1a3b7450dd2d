/** How far checks may overtake each other: a relay with a long queue delays those on it, and no honest side sends so many in a few seconds. */
const WINDOW = 1_024

/** Takes each number once, and none that is older than the window (the way of RFC 4303 section 3.4.3). */
export class ReplayWindow {
  readonly #seen = new Uint8Array(WINDOW)
  #highest = -1

  /** @returns whether the number is new, which it then is no more */
  take(number: number): boolean {
    if (number <= this.#highest - WINDOW) return false
    if (number > this.#highest) {
      const skipped = Math.min(WINDOW, number - this.#highest)
      for (let i = 1; i <= skipped; i++) this.#seen[(number - skipped + i) % WINDOW] = 0
      this.#highest = number
    } else if (this.#seen[number % WINDOW] === 1) return false
    this.#seen[number % WINDOW] = 1
    return true
  }
}
