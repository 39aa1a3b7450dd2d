import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openStore } from '../../../src/hub/store/open.ts'
import { type RecordStore, STORE_TIMEOUT_MS } from '../../../src/hub/store/store.ts'
import { BACK_MS, eventually } from './outage.ts'
import { listen, NOW, peerId, stored, until, Y } from './records.ts'
import { clusterUrl, NO_REDIS, type RedisServer, startCluster } from './redis-server.ts'

describe('a cluster that loses a node', { skip: NO_REDIS }, () => {
  let servers: readonly RedisServer[]
  let store: RecordStore
  before(async () => {
    servers = await startCluster()
    store = await openStore(clusterUrl(servers), '')
  })
  after(async () => {
    await store.stop()
    await Promise.all(servers.map(each => each.stop()))
  })

  for (const how of ['hangs', 'is killed'] as const) {
    test(`when one ${how}, the records of the others are there`, async () => {
      const peers = Array.from({ length: 30 }, (_, at) => peerId(`${how === 'hangs' ? 'a' : 'b'}${at}`))
      for (const peer of peers) await store.put(stored(peer, 1), Y, NOW)
      const away = servers[2]!
      if (how === 'hangs') away.signal('SIGSTOP')
      else await away.kill()
      const startedMs = performance.now()
      const found = await Promise.allSettled(peers.map(peer => store.get(peer, NOW)))
      assert.ok(performance.now() - startedMs < STORE_TIMEOUT_MS)
      assert.ok(found.some(each => each.status === 'rejected'))
      // those of the others, in the meantime and afterwards
      const there = peers.filter((_, at) => found[at]?.status === 'fulfilled')
      assert.ok(there.length > 0)
      for (const peer of there) await eventually(async () => assert.equal((await store.get(peer, NOW))?.seq, 1))
      if (how === 'hangs') away.signal('SIGCONT')
      else await away.resume()
      for (const peer of peers) await eventually(async () => assert.equal((await store.get(peer, NOW))?.seq, 1))
    })
  }
})

test('when a replica takes the place of a master, hubs follow', { skip: NO_REDIS }, async () => {
  const servers = await startCluster(1)
  const masters = servers.slice(0, 3)
  const [a, b] = await Promise.all([openStore(clusterUrl(masters), ''), openStore(clusterUrl(masters), '')])
  try {
    const peers = Array.from({ length: 30 }, (_, at) => peerId(at))
    for (const peer of peers) await a.put(stored(peer, 1), Y, NOW)
    await Promise.all(peers.map(peer => b.watch(peer)))
    const news = listen(b)
    // a record is acknowledged before the replica has it
    await masters[2]!.command('WAIT', '1', '5000')
    await masters[2]!.kill()
    for (const peer of peers) {
      await eventually(async () => assert.equal((await a.get(peer, NOW))?.seq, 1))
      await eventually(async () => assert.equal((await a.put(stored(peer, 2), Y, NOW)).outcome, 'stored'))
    }
    await until(() => new Set(news.filter(each => each.record?.seq === 2).map(each => each.peer)).size === 30, BACK_MS)
  } finally {
    await Promise.all([a.stop(), b.stop()])
    await Promise.all(servers.map(each => each.stop()))
  }
})
