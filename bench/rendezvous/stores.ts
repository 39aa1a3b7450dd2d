import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from './redis.ts'

export const STORE_NAMES = ['SQLite', ':memory:', 'Redis'] as const
export type StoreName = (typeof STORE_NAMES)[number]

/** Where a hub is to keep its records, and what that takes. */
export interface Store {
  readonly name: StoreName
  readonly url: string
  /** In its files, or in the memory of its server; what is in the hub's own memory is not known. */
  bytes(): Promise<number | undefined>
  /** Of its server. */
  cpuSeconds(): Promise<number>
  stop(): Promise<void>
}

export async function startStore(name: StoreName): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  const none = async () => 0
  switch (name) {
    case 'SQLite': {
      const file = join(folder, 'records.sqlite')
      const sizes = () => Promise.all([file, `${file}-wal`].map(async each => (await stat(each)).size))
      const bytes = async () => (await sizes()).reduce((sum, size) => sum + size)
      return { name, url: `sqlite:${file}`, bytes, cpuSeconds: none, stop: remove }
    }
    case ':memory:':
      return { name, url: 'memory:', bytes: async () => undefined, cpuSeconds: none, stop: remove }
    case 'Redis': {
      const redis = await startRedis(folder)
      const stop = async () => {
        await redis.stop()
        await remove()
      }
      return { name, url: redis.url, bytes: redis.bytes, cpuSeconds: redis.cpuSeconds, stop }
    }
    default:
      return name satisfies never
  }
}
