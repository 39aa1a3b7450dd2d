import { type Clock, sleep } from '../../core/clock.ts'
import { newsChannel } from './redis-keys.ts'
import type { RedisSubscriptions } from './redis-subscriptions.ts'
import { readNews, type Told } from './redis-value.ts'
import { isThere, type Kept } from './standing.ts'
import type { StoreNews } from './store.ts'

export interface WatchesInit {
  readonly clock: Clock
  readonly subscriptions: RedisSubscriptions
  read(peer: string): Promise<Kept | undefined>
  tell(news: StoreNews): void
}

/** A peer that is watched, and what was told of it last. */
interface Watch {
  ready: Promise<void>
  seq: number
  isThere: boolean
  /** Counts what was told: an answer that was asked for before is older than a message that came meanwhile. */
  version: number
}

const READS_AT_ONCE = 64
const RETRY_MS = 500

/** The peers that a hub watches. Messages are lost while there is no connection: after one all of them are read again, and what has changed is told. */
export class RedisWatches {
  readonly #init: WatchesInit
  readonly #watches = new Map<string, Watch>()
  readonly #stopping = new AbortController()
  #round = 0
  #reading: Promise<void> = Promise.resolve()

  constructor(init: WatchesInit) {
    this.#init = init
  }

  /** @throws NatError UNAVAILABLE: then it is not watched */
  watch(peer: string): Promise<void> {
    const known = this.#watches.get(peer)
    if (known != null) return known.ready
    const watch: Watch = { ready: Promise.resolve(), seq: -1, isThere: false, version: 0 }
    this.#watches.set(peer, watch)
    watch.ready = this.#begin(peer, watch)
    return watch.ready
  }

  unwatch(peer: string): void {
    if (this.#watches.delete(peer)) this.#init.subscriptions.remove(newsChannel(peer))
  }

  heard(peer: string, message: Buffer): void {
    const watch = this.#watches.get(peer)
    const told = readNews(peer, message)
    if (watch != null && told != null) this.#tell(peer, watch, told)
  }

  /** Reads all of them again, until it has. Never rejects. */
  readAgain(): void {
    const round = ++this.#round
    this.#reading = this.#reading.then(() => this.#readAll(round))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#watches.clear()
    await this.#reading
  }

  async #begin(peer: string, watch: Watch): Promise<void> {
    try {
      await this.#init.subscriptions.add(newsChannel(peer))
      // what there is now is no news, but what is compared with after a lost connection
      const kept = await this.#init.read(peer)
      if (watch.version > 0 || kept == null) return
      watch.seq = kept.record.seq
      watch.isThere = isThere(kept)
    } catch (error) {
      if (this.#watches.get(peer) === watch) this.unwatch(peer)
      throw error
    }
  }

  async #readAll(round: number): Promise<void> {
    const { signal } = this.#stopping
    const left = new Map(this.#watches)
    while (left.size > 0 && round === this.#round && !signal.aborted) {
      const some = [...left].slice(0, READS_AT_ONCE)
      await Promise.all(some.map(each => this.#readOne(...each, left)))
      const isStuck = some.every(([peer]) => left.has(peer))
      if (isStuck) await sleep(this.#init.clock, RETRY_MS, signal).catch(() => {})
    }
  }

  async #readOne(peer: string, watch: Watch, left: Map<string, Watch>): Promise<void> {
    if (this.#watches.get(peer) !== watch) {
      left.delete(peer)
      return
    }
    const { version } = watch
    try {
      const kept = await this.#init.read(peer)
      left.delete(peer)
      if (watch.version === version && this.#watches.get(peer) === watch) {
        this.#tell(peer, watch, toldOf(kept, watch.seq))
      }
    } catch {
      // it stays among those that are left
    }
  }

  #tell(peer: string, watch: Watch, { seq, record }: Told): void {
    const isNews = seq > watch.seq || (seq === watch.seq && (record != null) !== watch.isThere)
    if (!isNews) return
    watch.seq = seq
    watch.isThere = record != null
    watch.version++
    this.#init.tell({ peer, record })
  }
}

/** @param lastSeq a record that is not even remembered has gone with the number that it had */
function toldOf(kept: Kept | undefined, lastSeq: number): Told {
  if (kept == null) return { seq: lastSeq }
  return isThere(kept) ? { seq: kept.record.seq, record: kept.record } : { seq: kept.record.seq }
}
