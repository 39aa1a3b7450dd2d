import type { Outcome } from './api.ts'
import type { RecordLimits } from './limits.ts'
import { limit } from './outcomes.ts'

const RETRY_MS = 1_000

/** Who has how many watches: a peer by all of its streams, and a source by all peers behind it. */
export class WatchShares {
  readonly #limits: Pick<RecordLimits, 'maxWatchesEach' | 'maxWatchesFrom'>
  readonly #of = new Map<string, number>()
  readonly #from = new Map<string, number>()

  constructor(limits: Pick<RecordLimits, 'maxWatchesEach' | 'maxWatchesFrom'>) {
    this.#limits = limits
  }

  /** Counts one more. @returns the refusal, when it is one too many */
  take(peer: string, source: string): Outcome | undefined {
    const { maxWatchesEach, maxWatchesFrom } = this.#limits
    if ((this.#of.get(peer) ?? 0) >= maxWatchesEach) return limit(`a peer has ${maxWatchesEach} watches`, RETRY_MS)
    if ((this.#from.get(source) ?? 0) >= maxWatchesFrom) {
      return limit(`all peers of one address have ${maxWatchesFrom} watches`, RETRY_MS)
    }
    add(this.#of, peer, 1)
    add(this.#from, source, 1)
    return undefined
  }

  giveBack(peer: string, source: string, count: number): void {
    add(this.#of, peer, -count)
    add(this.#from, source, -count)
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
