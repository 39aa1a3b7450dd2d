import { chmod, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { NatError } from '../../core/errors.ts'

/** Kept in memory, and gone with the process. */
export const IN_MEMORY = ':memory:'

/** A hub that stops may still have the file while the next one starts. */
const LOCKED_FOR_MS = 3_000
const LOCK_RETRY_MS = 100

/** Four times what SQLite lets it grow to before it is written into the file. */
const MAX_LOG_BYTES = 16 * 1024 * 1024

const SCHEMA_VERSION = 1

/**
 * `there` says whether others are told of the record until it expires: it is not that of a peer that has left, and a hub holds it or it was put without any (`free`).
 * Kept beside what it follows from, so that an index has exactly those that are counted and listed. Hubs have short ids of their own: a name in each holder would be half of the file.
 */
const SCHEMA = `
  CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    peer TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    left INTEGER NOT NULL,
    free INTEGER NOT NULL,
    there INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    forget_ms INTEGER NOT NULL,
    envelope BLOB NOT NULL
  );
  CREATE INDEX record_there ON record (expires_ms) WHERE there = 1;
  CREATE INDEX record_forget ON record (forget_ms);
  CREATE TABLE hub (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE holder (record INTEGER NOT NULL, hub INTEGER NOT NULL, PRIMARY KEY (record, hub)) WITHOUT ROWID;
  CREATE INDEX holder_hub ON holder (hub, record);
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * Opens the file, or makes it, and locks it: a second hub on it would not hear of the first one's news, so it is refused.
 *
 * @throws NatError BAD_OPTION when it cannot be used, and says why
 */
export async function openDatabase(file: string): Promise<DatabaseSync> {
  if (file !== IN_MEMORY) await provide(file)
  for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
    try {
      return tryOpen(file)
    } catch (error) {
      if (!isSqlite(error, SQLITE.BUSY) || waitedMs >= LOCKED_FOR_MS) throw unusable(file, error)
      // by a timer that keeps the process alive: a hub that starts has nothing else yet
      await sleep(LOCK_RETRY_MS)
    }
  }
}

function tryOpen(file: string): DatabaseSync {
  const database = new (sqlite().DatabaseSync)(file)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    const isNew = checkSchema(database, file)
    // WAL without shared memory, locked for as long as it is open. A commit is a write to the file, which survives the process; a power
    // failure may take what came after the last checkpoint, and leaves the file whole.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    // what a burst has made of the log is given back
    database.exec(`PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`)
    // takes the lock, also when there is nothing to be made
    database.exec(`BEGIN IMMEDIATE; ${isNew ? SCHEMA : ''}; COMMIT`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** @returns whether it is empty. @throws NatError BAD_OPTION when it is not ours, before anything is changed */
function checkSchema(database: DatabaseSync, file: string): boolean {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version === SCHEMA_VERSION) return false
  if (version > SCHEMA_VERSION) throw badFile(file, 'was written by a later version of Beeline')
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'])
  if (version === 0 && tables === 0) return true
  throw badFile(file, "is another program's database")
}

async function provide(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    // where peers are is not for everybody on this machine; SQLite gives its other files the same mode
    const handle = await open(file, 'a', 0o600)
    await handle.close()
    await chmod(file, 0o600)
  } catch (cause) {
    throw badFile(file, `cannot be opened (${(cause as NodeJS.ErrnoException).code})`, cause)
  }
}

/** Node 22 warns of its experiment on standard error when the module is loaded: that one warning is not for who runs a hub. */
function sqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Result codes (https://www.sqlite.org/rescode.html), the first byte of what is told. */
const SQLITE = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

const WHY: ReadonlyMap<number, string> = new Map([
  [SQLITE.BUSY, 'is in use by another process: one hub has it; give hubs that share their records --store redis://…'],
  [SQLITE.READONLY, 'cannot be written to: check its owner and its mode'],
  [SQLITE.IOERR, 'cannot be read or written: check the disk'],
  [SQLITE.CORRUPT, 'is damaged: move it away, and peers register anew'],
  [SQLITE.FULL, 'cannot grow: the disk is full'],
  [SQLITE.CANTOPEN, 'cannot be opened: check that its folder is there and can be written to'],
  [SQLITE.NOTADB, 'is no database: name another']
])

function codeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}

function isSqlite(error: unknown, code: number): boolean {
  return codeOf(error) === code
}

function why(error: unknown): string {
  return WHY.get(codeOf(error) ?? 0) ?? `cannot be used (${(error as Error).message})`
}

function badFile(file: string, reason: string, cause?: unknown): NatError {
  return new NatError('BAD_OPTION', `the file of records ${file} ${reason}`, { cause })
}

function unusable(file: string, error: unknown): NatError {
  return error instanceof NatError ? error : badFile(file, why(error), error)
}

/** What an operation on an open file fails with. */
export function unavailable(file: string, error: unknown): NatError {
  if (error instanceof NatError) return error
  return new NatError('UNAVAILABLE', `the file of records ${file} ${why(error)}`, { cause: error })
}
