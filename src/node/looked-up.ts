import type { LookupFinding } from '../traversal/explain/lookups.ts'

/** Peers that were looked for: an id and a few findings each, some kilobytes at most. */
const MAX_PEERS = 1_024

interface Known {
  /** Of the newest record that was seen. */
  readonly seq: number
  /** What hubs said the last time. */
  readonly findings: readonly LookupFinding[]
}

/** What is remembered of lookups as long as the process lives: a hub that comes with an older record than one that was seen before is found out. */
export class LookedUp {
  /** The least recently used first. */
  readonly #peers = new Map<string, Known>()

  /** Of the newest record of a peer that was seen. */
  seq(peer: string): number | undefined {
    const { seq = Number.NEGATIVE_INFINITY } = this.#peers.get(peer) ?? {}
    return Number.isFinite(seq) ? seq : undefined
  }

  /** What hubs said the last time that a peer was looked for. */
  findings(peer: string): readonly LookupFinding[] {
    return this.#peers.get(peer)?.findings ?? []
  }

  /** @param seq of the newest record that was seen now */
  note(peer: string, seq: number | undefined, findings: readonly LookupFinding[]): void {
    const before = this.seq(peer) ?? Number.NEGATIVE_INFINITY
    this.#peers.delete(peer)
    this.#peers.set(peer, { seq: Math.max(before, seq ?? before), findings })
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_PEERS && oldest != null) this.#peers.delete(oldest)
  }
}
