interface Entry {
  readonly atMs: number
  readonly order: number
  readonly fn: () => void
  /** Where it is in the heap; -1 when it is there no longer. */
  at: number
}

/** Timers by the time at which they fall due, those of one time in the order in which they were set: a binary heap. */
export class Timers {
  readonly #heap: Entry[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  add(atMs: number, fn: () => void): { cancel(): void } {
    const entry = { atMs, order: this.#order++, fn, at: this.#heap.length }
    this.#heap.push(entry)
    this.#rise(entry)
    return { cancel: () => this.#remove(entry) }
  }

  /** Takes the first one that is due by then. */
  take(untilMs: number): { readonly atMs: number; readonly fn: () => void } | undefined {
    const first = this.#heap[0]
    if (!first || first.atMs > untilMs) return undefined
    this.#remove(first)
    return first
  }

  #remove(entry: Entry): void {
    if (entry.at < 0) return
    const hole = entry.at
    entry.at = -1
    const last = this.#heap.pop()!
    if (last === entry) return
    this.#put(last, hole)
    this.#rise(last)
    this.#sink(last)
  }

  #rise(entry: Entry): void {
    while (entry.at > 0) {
      const parent = this.#heap[(entry.at - 1) >> 1]!
      if (!isBefore(entry, parent)) return
      this.#swap(entry, parent)
    }
  }

  #sink(entry: Entry): void {
    for (;;) {
      const left = this.#heap[entry.at * 2 + 1]
      const right = this.#heap[entry.at * 2 + 2]
      const child = left && right && isBefore(right, left) ? right : left
      if (!child || !isBefore(child, entry)) return
      this.#swap(entry, child)
    }
  }

  #swap(a: Entry, b: Entry): void {
    const { at } = a
    this.#put(a, b.at)
    this.#put(b, at)
  }

  #put(entry: Entry, at: number): void {
    this.#heap[at] = entry
    entry.at = at
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
