import { isAbsolute, join } from 'node:path'
import { NatError } from '../../core/errors.ts'
import { redisStore } from './redis.ts'
import { isRedisUrl, parseRedisUrl } from './redis-address.ts'
import { sqliteStore } from './sqlite.ts'
import { IN_MEMORY } from './sqlite-file.ts'
import type { RecordStore } from './store.ts'

/**
 * Opens where a hub keeps its records.
 *
 * - nothing: the file `records.sqlite` in the hub's folder
 * - `sqlite:FILE`: that file; one that is not absolute lies in the current folder
 * - `memory:`: gone with the process, for tests
 * - `redis://`, `rediss://` (TLS), `redis+cluster://a:1,b:2`, `rediss+cluster://`: shared by a fleet of hubs. Resolves also while that cannot be reached, since a hub without its records
 *   still relays: its operations fail with UNAVAILABLE until it can, and `check()` says whether it does.
 *
 * @throws NatError BAD_OPTION: no such store, a file that cannot be used, a login that Redis refuses
 */
export async function openStore(url: string | undefined, dataDir: string): Promise<RecordStore> {
  if (url == null) return sqliteStore(join(dataDir, 'records.sqlite'))
  if (url === 'memory:') return sqliteStore(IN_MEMORY)
  if (isRedisUrl(url)) return redisStore(parseRedisUrl(url))
  const file = /^sqlite:(.+)$/.exec(url)?.[1]
  if (file == null || file === IN_MEMORY) {
    // not the text itself: it may be the address of a database, with a password
    throw new NatError(
      'BAD_OPTION',
      'no such store: it may be sqlite:FILE, memory:, redis://HOST:PORT, rediss://HOST:PORT or redis+cluster://HOST:PORT,HOST:PORT'
    )
  }
  return sqliteStore(isAbsolute(file) ? file : join(process.cwd(), file))
}
