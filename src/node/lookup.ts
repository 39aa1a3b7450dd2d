import type { PeerId } from '@libp2p/interface'
import type { Clock } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import type { KnownPeer } from '../libp2p/peer-record.ts'
import type { Rendezvous } from '../libp2p/rendezvous/api.ts'
import type { LookupFinding } from '../traversal/explain/lookups.ts'
import { type HubWord, hubWord } from './hub-word.ts'
import type { LookedUp } from './looked-up.ts'

/** Who has not answered by then counts as silent: a hub answers in a round trip, and its store has 5 s for that. */
export const LOOKUP_MS = 5_000

export interface LookupInit {
  readonly hubs: readonly PeerId[]
  readonly query: Rendezvous['query']
  readonly memory: LookedUp
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
}

interface Heard extends HubWord {
  readonly hub: string
  readonly ms: number
}

/** One search for a peer's record, at all hubs at once. None of them is trusted: the record with the highest number that the peer itself has signed counts, and who said what is kept. */
export class Lookup {
  readonly #peer: PeerId
  readonly #init: LookupInit
  readonly #heard: Heard[] = []
  /** Of the newest record that was seen before this. */
  readonly #seenSeq: number
  #newest: KnownPeer | undefined
  #isOver = false

  constructor(peer: PeerId, init: LookupInit) {
    this.#peer = peer
    this.#init = init
    this.#seenSeq = init.memory.seq(peer.toString()) ?? Number.NEGATIVE_INFINITY
  }

  /** Where the peer is, or that it has left; undefined as long as no hub has said so that can be believed. */
  get newest(): KnownPeer | undefined {
    return this.#newest
  }

  /** All hubs have answered, or are late. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** What each hub has said so far, in the order of their answers. An answer may turn out to be old when another one comes. */
  get findings(): readonly LookupFinding[] {
    const newest = Math.max(this.#seenSeq, this.#newest?.seq ?? Number.NEGATIVE_INFINITY)
    return this.#heard.map(({ hub, ms, outcome, detail, record }) => {
      if (record != null && record.seq < newest) return { hub, outcome: 'old', ms, detail: ageOf(record.seq, newest) }
      return { hub, outcome, ms, ...(detail == null ? {} : { detail }) }
    })
  }

  /**
   * Asks all hubs. @returns when they have answered or are late, or the signal has aborted
   *
   * @param onRecord called with a record that can be believed and is newer than those before
   */
  async run(signal: AbortSignal, onRecord: (record: KnownPeer) => void): Promise<void> {
    await Promise.all(this.#init.hubs.map(hub => this.#ask(hub, signal, onRecord)))
    this.#isOver = true
  }

  async #ask(hub: PeerId, signal: AbortSignal, onRecord: (record: KnownPeer) => void): Promise<void> {
    const { clock, query, memory, wallMs } = this.#init
    const askedMs = clock.now()
    const word = await withDeadline(clock, LOOKUP_MS, `an answer of the hub ${hub}`, signal, async limit =>
      hubWord(await query(hub, this.#peer, limit), this.#peer, wallMs())
    ).catch((): HubWord => ({ outcome: 'silent' }))
    // nobody waits any more, so that nothing came says nothing of the hub
    if (signal.aborted) return
    this.#heard.push({ ...word, hub: hub.toString(), ms: clock.now() - askedMs })
    const { record } = word
    const newest = Math.max(this.#seenSeq, this.#newest == null ? Number.NEGATIVE_INFINITY : this.#newest.seq + 1)
    const isNews = record != null && record.seq >= newest
    if (isNews) this.#newest = record
    memory.note(this.#peer.toString(), record?.seq, this.findings)
    if (isNews) onRecord(record)
  }
}

/** Numbers are times, mostly. */
function ageOf(seq: number, newest: number): string {
  return `older by ${Math.ceil((newest - seq) / 1_000)} s than one that is known`
}
