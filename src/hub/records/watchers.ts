import { base58btc } from 'multiformats/bases/base58'
import type { Clock, Timer } from '../../core/clock.ts'
import { MAX_RECORD_BYTES } from '../../wire/record.ts'
import type { RecordStore, StoredRecord, StoreNews } from '../store/store.ts'
import type { Subscriber } from './api.ts'

/** How often it is looked for watched records that have expired, of which stores tell nothing. */
const EXPIRY_MS = 30_000
/** News that come while a record is read are followed by another look, so often at most. */
const LOOKS = 3

/** What watchers have been told last; undefined: nothing yet. */
type Known = 'gone' | { readonly seq: number; readonly expiresMs: number } | undefined

/** There may be a million of these. */
interface Watched {
  /** Its id as text: one for all who keep it. */
  readonly peer: string
  readonly subscribers: Set<Subscriber>
  /** Resolves when the store tells of it; undefined once it does. */
  beginning: Promise<void> | undefined
  known: Known
  /** How many news there were. */
  changes: number
}

export interface WatchersInit {
  readonly store: RecordStore
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wall: () => number
}

/** Who watches whom: the store is asked once for each peer that is watched, and its news go to all who do. */
export class Watchers {
  readonly #init: WatchersInit
  readonly #watched = new Map<string, Watched>()
  readonly #stopNews: () => void
  #count = 0
  #timer: Timer | undefined

  constructor(init: WatchersInit) {
    this.#init = init
    this.#stopNews = init.store.onNews(news => this.#onNews(news))
  }

  /** How many watches there are: one for each peer that somebody watches. */
  get count(): number {
    return this.#count
  }

  /** The same text, but one that is kept already where there is one. */
  shared(peer: string): string {
    return this.#watched.get(peer)?.peer ?? peer
  }

  /**
   * From now on the subscriber hears of that peer. Twice is once.
   *
   * @returns what is known of it now: no news that came before say anything newer
   * @throws what the store throws; there is no watch then
   */
  async add(peer: string, subscriber: Subscriber): Promise<StoredRecord | undefined> {
    const watched = this.#watched.get(peer) ?? this.#begin(peer)
    const isNew = !watched.subscribers.has(subscriber)
    if (isNew) {
      watched.subscribers.add(subscriber)
      this.#count++
    }
    try {
      await watched.beginning
      watched.beginning = undefined
      return await this.#look(watched)
    } catch (error) {
      if (isNew) this.#leave(watched, subscriber)
      throw error
    }
  }

  remove(peer: string, subscriber: Subscriber): void {
    const watched = this.#watched.get(peer)
    if (watched != null) this.#leave(watched, subscriber)
  }

  stop(): void {
    this.#stopNews()
    this.#timer?.cancel()
    for (const peer of this.#watched.keys()) this.#init.store.unwatch(peer)
    this.#watched.clear()
    this.#count = 0
  }

  #begin(peer: string): Watched {
    const beginning = this.#init.store.watch(peer)
    const watched: Watched = { peer, subscribers: new Set(), beginning, known: undefined, changes: 0 }
    this.#watched.set(peer, watched)
    this.#timer ??= this.#init.clock.after(EXPIRY_MS, this.#expire)
    return watched
  }

  #leave({ peer, subscribers }: Watched, subscriber: Subscriber): void {
    if (!subscribers.delete(subscriber)) return
    this.#count--
    // a watch that failed may have been followed by another one of that peer
    if (subscribers.size > 0 || this.#watched.get(peer)?.subscribers !== subscribers) return
    this.#watched.delete(peer)
    this.#init.store.unwatch(peer)
    if (this.#watched.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  async #look(watched: Watched): Promise<StoredRecord | undefined> {
    for (let look = 1; ; look++) {
      const { changes } = watched
      const record = await this.#init.store.get(watched.peer, this.#init.wall())
      if (changes !== watched.changes && look < LOOKS) continue
      // whoever watches already has been told, unless its news are still on their way
      watched.known ??= record ?? 'gone'
      return record
    }
  }

  #onNews({ peer, record }: StoreNews): void {
    const watched = this.#watched.get(peer)
    // a store that others can write to may hold anything
    if (watched == null || (record != null && record.envelope.length > MAX_RECORD_BYTES)) return
    const { known } = watched
    if (record == null || record.left) {
      if (known !== 'gone') this.#tell(watched, undefined)
    } else if (known == null || known === 'gone' || record.seq > known.seq) this.#tell(watched, record)
  }

  #tell(watched: Watched, record: StoredRecord | undefined): void {
    watched.changes++
    watched.known = record == null ? 'gone' : { seq: record.seq, expiresMs: record.expiresMs }
    const { peer } = watched
    // worked out anew each time: kept, it would be the half of what a watch takes
    const news = { peer, multihash: base58btc.decode(`z${peer}`), envelope: record?.envelope }
    for (const subscriber of watched.subscribers) subscriber.news(news)
  }

  readonly #expire = (): void => {
    const nowMs = this.#init.wall()
    for (const watched of this.#watched.values()) {
      const { known } = watched
      if (known != null && known !== 'gone' && known.expiresMs <= nowMs) this.#tell(watched, undefined)
    }
    this.#timer = this.#init.clock.after(EXPIRY_MS, this.#expire)
  }
}
