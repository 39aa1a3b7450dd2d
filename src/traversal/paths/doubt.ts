import type { Known } from './known.ts'
import type { PathTable } from './table.ts'
import { doubtAtMs, question, undoubted } from './trust.ts'

/**
 * What ends one path often ends others: a UDP path and a TCP path take the same way, and two relays may be reached by one uplink. An idle path has
 * been trusted for minutes, so its trust says nothing about now. While the path in use is in doubt, all others are asked too; those that do not
 * answer lose their trust when it does.
 */
export class Doubt {
  /** The path in use that is in doubt. Keys, because a path is another object when it is announced anew. */
  #of: string | undefined
  readonly #asked = new Set<string>()

  step(nowMs: number, table: PathTable, current: Known | undefined): void {
    // that path has been left: what has not answered by now is in doubt for itself
    if (this.#of !== current?.key) this.#end()
    if (current?.validatedAtMs == null) return
    const { unansweredSinceMs } = current
    if (unansweredSinceMs == null) this.#relieve(table)
    else if (doubtAtMs(current) <= nowMs) this.#ask(nowMs, table, current, unansweredSinceMs)
  }

  #ask(nowMs: number, table: PathTable, current: Known, sinceMs: number): void {
    this.#of = current.key
    for (const known of table.all()) {
      // what is told of together may have come before the silence
      if (known === current || known.validatedAtMs == null || known.heardAtMs > sinceMs) continue
      if (known.unansweredSinceMs != null) continue
      question(known, sinceMs, nowMs)
      this.#asked.add(known.key)
    }
  }

  /** The path in use has answered: nobody waits for the others any more. */
  #relieve(table: PathTable): void {
    for (const key of this.#asked) {
      const known = table.get(key)
      if (known?.validatedAtMs != null && known.unansweredSinceMs != null) undoubted(known)
    }
    this.#end()
  }

  #end(): void {
    this.#of = undefined
    this.#asked.clear()
  }
}
