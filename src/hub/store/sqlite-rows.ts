import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { isThere, type Kept } from './standing.ts'
import type { StoredRecord } from './store.ts'

type Row = Readonly<Record<string, SQLOutputValue>>

const COLUMNS = 'peer, seq, left, expires_ms, forget_ms, envelope'

/** The statements of the embedded store, prepared once. What they are run in is the caller's. */
export class SqliteRows {
  readonly #one: StatementSync
  readonly #there: StatementSync
  readonly #holders: StatementSync
  readonly #put: StatementSync
  readonly #hub: StatementSync
  readonly #addHub: StatementSync
  readonly #hold: StatementSync
  readonly #letGo: StatementSync
  readonly #letGoAll: StatementSync
  readonly #forgotten: StatementSync
  readonly #delete: StatementSync
  readonly #held: StatementSync
  readonly #list: StatementSync
  readonly #count: StatementSync
  readonly #check: StatementSync

  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => database.prepare(sql)
    this.#one = prepare(`SELECT id, free, ${COLUMNS} FROM record WHERE peer = ?`)
    this.#there = prepare(`SELECT ${COLUMNS} FROM record WHERE peer = ? AND there = 1 AND expires_ms > ?`)
    this.#holders = prepare('SELECT hub.name FROM holder JOIN hub ON hub.id = holder.hub WHERE holder.record = ?')
    this.#put = prepare(`INSERT INTO record (free, there, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (peer) DO UPDATE SET free = excluded.free, there = excluded.there, seq = excluded.seq, left = excluded.left,
        expires_ms = excluded.expires_ms, forget_ms = excluded.forget_ms, envelope = excluded.envelope
      RETURNING id`)
    this.#hub = prepare('SELECT id FROM hub WHERE name = ?')
    this.#addHub = prepare('INSERT INTO hub (name) VALUES (?) RETURNING id')
    this.#hold = prepare('INSERT OR IGNORE INTO holder (record, hub) VALUES (?, ?)')
    this.#letGo = prepare('DELETE FROM holder WHERE record = ? AND hub = ?')
    this.#letGoAll = prepare('DELETE FROM holder WHERE record = ?')
    this.#forgotten = prepare('SELECT id FROM record WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ?')
    this.#delete = prepare('DELETE FROM record WHERE id = ?')
    this.#held = prepare(`SELECT record.id, record.peer FROM holder JOIN record ON record.id = holder.record
      WHERE holder.hub = (SELECT id FROM hub WHERE name = ?) AND holder.record > ? ORDER BY holder.record LIMIT ?`)
    this.#list = prepare(
      'SELECT peer FROM record WHERE peer > ? AND there = 1 AND expires_ms > ? ORDER BY peer LIMIT ?'
    )
    this.#count = prepare('SELECT count(*) AS n FROM record WHERE there = 1 AND expires_ms > ?')
    this.#check = prepare('SELECT id FROM record LIMIT 1')
  }

  read(peer: string): Kept | undefined {
    const row = this.#one.get(peer)
    if (row == null) return undefined
    const holders = this.#holders.all(row['id'] as number).map(each => each['name'] as string)
    return { record: recordOf(row), free: row['free'] === 1, holders }
  }

  /** @param before what is kept now, forgotten or not */
  write(kept: Kept, before: Kept | undefined): void {
    const { peer, seq, left, expiresMs, forgetMs, envelope } = kept.record
    const flags = [kept.free ? 1 : 0, isThere(kept) ? 1 : 0] as const
    const id = this.#put.get(...flags, peer, seq, left ? 1 : 0, expiresMs, forgetMs, envelope)?.['id'] as number
    const held = before?.holders ?? []
    for (const hub of held) if (!kept.holders.includes(hub)) this.#letGo.run(id, this.#hubId(hub))
    for (const hub of kept.holders) if (!held.includes(hub)) this.#hold.run(id, this.#hubId(hub))
  }

  get(peer: string, nowMs: number): StoredRecord | undefined {
    const row = this.#there.get(peer, nowMs)
    return row == null ? undefined : recordOf(row)
  }

  /** @returns how many there were, `limit` at most */
  forget(nowMs: number, limit: number): number {
    const rows = this.#forgotten.all(nowMs, limit)
    for (const { id } of rows) {
      this.#letGoAll.run(id as number)
      this.#delete.run(id as number)
    }
    return rows.length
  }

  held(hub: string, after: number, limit: number): readonly { readonly id: number; readonly peer: string }[] {
    return this.#held.all(hub, after, limit).map(({ id, peer }) => ({ id: id as number, peer: peer as string }))
  }

  list(after: string, limit: number, nowMs: number): readonly string[] {
    return this.#list.all(after, nowMs, limit).map(({ peer }) => peer as string)
  }

  count(nowMs: number): number {
    return this.#count.get(nowMs)?.['n'] as number
  }

  check(): void {
    this.#check.get()
  }

  #hubId(name: string): number {
    const row = this.#hub.get(name) ?? this.#addHub.get(name)
    return row?.['id'] as number
  }
}

function recordOf(row: Row): StoredRecord {
  return {
    peer: row['peer'] as string,
    seq: row['seq'] as number,
    envelope: row['envelope'] as Uint8Array,
    left: row['left'] === 1,
    expiresMs: row['expires_ms'] as number,
    forgetMs: row['forget_ms'] as number
  }
}
