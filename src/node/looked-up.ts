import type { LookupFinding } from '../traversal/explain/lookups.ts'

/** Peers that were looked for: an id and a few findings each, some kilobytes at most. */
const MAX_PEERS = 1_024

interface Known {
  /** Of the newest record that was seen. */
  readonly seq: number
  /** What hubs said the last time. */
  readonly findings: readonly LookupFinding[]
  /** Addresses of relays that its record names, and of which nothing came the last time. */
  readonly unanswered: readonly string[]
}

const NOTHING: Known = { seq: Number.NEGATIVE_INFINITY, findings: [], unanswered: [] }

/** What is remembered of lookups as long as the process lives: a hub that comes with an older record than one that was seen before is found out. */
export class LookedUp {
  /** The least recently used first. */
  readonly #peers = new Map<string, Known>()

  /** Of the newest record of a peer that was seen. */
  seq(peer: string): number | undefined {
    const { seq } = this.#known(peer)
    return Number.isFinite(seq) ? seq : undefined
  }

  /** What hubs said the last time that a peer was looked for. */
  findings(peer: string): readonly LookupFinding[] {
    return this.#known(peer).findings
  }

  /** The relays of which nothing has come the last time that a peer was looked for, although its record names them: an address of each. */
  unanswered(peer: string): readonly string[] {
    return this.#known(peer).unanswered
  }

  /** @param seq of the newest record that was seen now */
  note(peer: string, seq: number | undefined, findings: readonly LookupFinding[]): void {
    const { seq: before } = this.#known(peer)
    this.#keep(peer, { seq: Math.max(before, seq ?? before), findings })
  }

  /** @param relays that its record names, and of which nothing has come yet: an address of each */
  waitFor(peer: string, relays: readonly string[]): void {
    this.#keep(peer, { unanswered: relays })
  }

  #known(peer: string): Known {
    return this.#peers.get(peer) ?? NOTHING
  }

  #keep(peer: string, news: Partial<Known>): void {
    const known = { ...this.#known(peer), ...news }
    this.#peers.delete(peer)
    this.#peers.set(peer, known)
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_PEERS && oldest != null) this.#peers.delete(oldest)
  }
}
