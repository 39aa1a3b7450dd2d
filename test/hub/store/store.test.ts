import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { openStore } from '../../../src/hub/store/open.ts'
import { clusterUrl, NO_REDIS, RedisServer, startCluster } from './redis-server.ts'
import { type Fleet, storeSuite } from './suite.ts'

async function alone(url: string | undefined, folder: string): Promise<Fleet> {
  const store = await openStore(url, folder)
  return { a: store, b: store, stop: () => store.stop() }
}

async function together(url: string): Promise<Fleet> {
  const [a, b] = await Promise.all([openStore(url, ''), openStore(url, '')])
  return { a, b, stop: async () => void (await Promise.all([a.stop(), b.stop()])) }
}

storeSuite('SQLite in a file', false, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'beeline-store-'))
  const fleet = await alone(undefined, folder)
  const stop = async () => {
    await fleet.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { ...fleet, stop }
})

storeSuite('SQLite in memory', false, () => alone('memory:', ''))

let server: RedisServer | undefined
let cluster: readonly RedisServer[] = []
before(async () => {
  if (NO_REDIS !== false) return
  ;[server, cluster] = await Promise.all([RedisServer.start(), startCluster()])
})
after(async () => {
  await Promise.all([server, ...cluster].map(each => each?.stop()))
})

storeSuite('Redis', NO_REDIS, async () => {
  await server!.command('FLUSHALL')
  return together(server!.url)
})

storeSuite('a Redis cluster', NO_REDIS, async () => {
  for (const each of cluster) await each.command('FLUSHALL')
  return together(clusterUrl(cluster))
})
