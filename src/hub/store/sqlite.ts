import type { DatabaseSync } from 'node:sqlite'
import { Events } from '../../core/events.ts'
import { GroupCommit } from './group-commit.ts'
import { openDatabase, unavailable } from './sqlite-file.ts'
import { SqliteRows } from './sqlite-rows.ts'
import { decide, goodbyeIn, isThere } from './standing.ts'
import type { PeerPage, PutOutcome, RecordStore, StoredRecord, StoreNews } from './store.ts'
import type { StoreEvents } from './store-events.ts'

/** How often, by the clock of those who put, it is looked for records to forget. */
const SWEEP_EVERY_MS = 1_000
/** How many are deleted in one transaction, and so in one turn of the event loop: a millisecond or two. */
const SWEEP_ROWS = 50
const HELD_PAGE = 500

/** Opens the records of a hub by itself. @throws NatError BAD_OPTION */
export async function sqliteStore(file: string): Promise<RecordStore> {
  return new SqliteStore(file, await openDatabase(file))
}

class SqliteStore implements RecordStore {
  readonly #file: string
  readonly #database: DatabaseSync
  readonly #rows: SqliteRows
  readonly #writes: GroupCommit
  readonly #watched = new Set<string>()
  readonly #events = new Events<StoreEvents>()
  #sweptMs = Number.NEGATIVE_INFINITY
  #hasSwept = false

  constructor(file: string, database: DatabaseSync) {
    this.#file = file
    this.#database = database
    this.#rows = new SqliteRows(database)
    this.#writes = new GroupCommit({
      begin: () => {
        this.#hasSwept = false
        database.exec('BEGIN IMMEDIATE')
      },
      commit: () => database.exec('COMMIT'),
      rollback: () => database.exec('ROLLBACK')
    })
  }

  async put(record: StoredRecord, hub: string | undefined, nowMs: number): Promise<PutOutcome> {
    const { decision, was } = await this.#write(() => {
      this.#sweep(nowMs)
      const kept = this.#rows.read(record.peer)
      const known = kept != null && kept.record.forgetMs > nowMs ? kept : undefined
      const decision = decide(known, record, hub)
      if (decision.keep != null) this.#rows.write(decision.keep, kept)
      return { decision, was: known != null && isThere(known) && known.record.expiresMs > nowMs }
    })
    const { keep } = decision
    if (keep != null) {
      const is = isThere(keep)
      if (is && (!was || decision.outcome === 'stored')) this.#tell({ peer: record.peer, record: keep.record })
      else if (was && !is) this.#tell({ peer: record.peer, record: undefined })
    }
    return decision.outcome === 'stale' ? decision : { outcome: decision.outcome }
  }

  async get(peer: string, nowMs: number): Promise<StoredRecord | undefined> {
    return this.#read(() => this.#rows.get(peer, nowMs))
  }

  async goodbye(peer: string, nowMs: number): Promise<StoredRecord | undefined> {
    return goodbyeIn(await this.#read(() => this.#rows.read(peer)), nowMs)
  }

  async release(peer: string, hub: string, nowMs: number): Promise<void> {
    const gone = await this.#write(() => {
      const kept = this.#rows.read(peer)
      if (kept == null || !kept.holders.includes(hub)) return false
      const left = { ...kept, holders: kept.holders.filter(holder => holder !== hub) }
      this.#rows.write(left, kept)
      return kept.record.expiresMs > nowMs && isThere(kept) && !isThere(left)
    })
    if (gone) this.#tell({ peer, record: undefined })
  }

  async *held(hub: string): AsyncIterable<string> {
    for (let after = 0; ; ) {
      const page = this.#read(() => this.#rows.held(hub, after, HELD_PAGE))
      for (const { peer } of page) yield peer
      const last = page.at(-1)
      if (last == null) return
      after = last.id
    }
  }

  async list(after: string | undefined, limit: number, nowMs: number): Promise<PeerPage> {
    // one more than asked for says whether there is another page
    const peers = this.#read(() => this.#rows.list(after ?? '', limit + 1, nowMs))
    if (peers.length <= limit) return { peers }
    return { peers: peers.slice(0, limit), next: peers[limit - 1]! }
  }

  async count(nowMs: number): Promise<number> {
    return this.#read(() => this.#rows.count(nowMs))
  }

  async watch(peer: string): Promise<void> {
    this.#watched.add(peer)
  }

  unwatch(peer: string): void {
    this.#watched.delete(peer)
  }

  onNews(listener: (news: StoreNews) => void): () => void {
    return this.#events.on('news', listener)
  }

  async call(peer: string, envelope: Uint8Array): Promise<void> {
    this.#events.emit('call', { peer, envelope })
  }

  onCall(listener: (peer: string, envelope: Uint8Array) => void): () => void {
    return this.#events.on('call', ({ peer, envelope }) => listener(peer, envelope))
  }

  async check(): Promise<void> {
    this.#read(() => this.#rows.check())
  }

  async stop(): Promise<void> {
    if (!this.#database.isOpen) return
    this.#writes.flush()
    this.#events.clear()
    this.#database.close()
  }

  #sweep(nowMs: number): void {
    if (this.#hasSwept || (nowMs < this.#sweptMs + SWEEP_EVERY_MS && nowMs >= this.#sweptMs)) return
    this.#hasSwept = true
    // when there are more, they have their turn in the next transaction
    if (this.#rows.forget(nowMs, SWEEP_ROWS) < SWEEP_ROWS) this.#sweptMs = nowMs
  }

  #tell(news: StoreNews): void {
    if (this.#watched.has(news.peer)) this.#events.emit('news', news)
  }

  #read<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw unavailable(this.#file, error)
    }
  }

  async #write<T>(work: () => T): Promise<T> {
    try {
      return await this.#writes.run(work)
    } catch (error) {
      throw unavailable(this.#file, error)
    }
  }
}
