import { sourceOf } from '../core/ip.ts'
import type { NetworkSummary } from '../wire/summary.ts'
import type { TechniqueName } from './attempt.ts'

export const WHAT_WORKED = {
  /** Pairs of networks: some 100 bytes each. */
  pairs: 256,
  /** Networks change: routers are replaced, carriers move their customers about. */
  lifetimeMs: 7 * 24 * 3_600_000,
  /** Two sides of four addresses each fit. */
  keyChars: 400
} as const

/** What found a path between two networks, and when. */
export interface Worked {
  readonly pair: string
  readonly technique: TechniqueName
  /** Milliseconds since 1970, as this may be kept on disk. */
  readonly atMs: number
}

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/

/**
 * Names the pair of networks that two sides are in, by the public addresses of both; undefined where one tells none. Whose network it is does not
 * matter to us, nor which of its machines.
 */
export function pairKey(mine: NetworkSummary, theirs: NetworkSummary): string | undefined {
  const [one, other] = [networkOf(mine), networkOf(theirs)]
  return one === '' || other === '' ? undefined : `${one} ${other}`
}

/** IPv6 hosts have as many addresses as they like, in one network of 64 bits. */
function networkOf({ publicAddresses }: NetworkSummary): string {
  return [...new Set(publicAddresses.map(sourceOf))].toSorted().join(',')
}

/** Remembers which technique found a path, by pair of networks: so many, and so long. */
export class WhatWorked {
  /** The one that was remembered longest ago comes first. */
  readonly #pairs = new Map<string, Worked>()

  remember(pair: string, technique: TechniqueName, nowMs: number): void {
    // there is no network without a relay, so that it worked says nothing
    if (technique === 'relay' || !isWorked({ pair, technique, atMs: nowMs })) return
    this.#pairs.delete(pair)
    this.#pairs.set(pair, { pair, technique, atMs: nowMs })
    const [oldest] = this.#pairs.keys()
    if (this.#pairs.size > WHAT_WORKED.pairs && oldest != null) this.#pairs.delete(oldest)
  }

  recall(pair: string, nowMs: number): TechniqueName | undefined {
    const worked = this.#pairs.get(pair)
    if (worked == null || isFresh(worked, nowMs)) return worked?.technique
    this.#pairs.delete(pair)
    return undefined
  }

  /** It did not work again. */
  forget(pair: string): void {
    this.#pairs.delete(pair)
  }

  toJSON(): readonly Worked[] {
    return [...this.#pairs.values()]
  }

  /** Takes over what was kept, wherever it comes from: what is not as it should be, and what is too old, is left out. */
  static fromJSON(kept: unknown, nowMs: number): WhatWorked {
    const memory = new WhatWorked()
    if (!Array.isArray(kept)) return memory
    const good = kept
      .slice(-WHAT_WORKED.pairs)
      .filter(isWorked)
      .filter(worked => isFresh(worked, nowMs))
    for (const { pair, technique, atMs } of good.toSorted((a, b) => a.atMs - b.atMs)) {
      memory.remember(pair, technique, atMs)
    }
    return memory
  }
}

/** What is of the future was written by a clock that was wrong. */
function isFresh({ atMs }: Worked, nowMs: number): boolean {
  return atMs <= nowMs && nowMs - atMs < WHAT_WORKED.lifetimeMs
}

function isWorked(value: unknown): value is Worked {
  if (typeof value !== 'object' || value == null) return false
  const { pair, technique, atMs } = value as Partial<Record<keyof Worked, unknown>>
  if (typeof pair !== 'string' || pair.length === 0 || pair.length > WHAT_WORKED.keyChars) return false
  return typeof technique === 'string' && NAME.test(technique) && typeof atMs === 'number' && Number.isFinite(atMs)
}
