import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openStore } from '../../../src/hub/store/open.ts'
import { type RecordStore, STORE_TIMEOUT_MS } from '../../../src/hub/store/store.ts'
import { eventually } from './outage.ts'
import { NOW, peerId, stored, Y } from './records.ts'
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
