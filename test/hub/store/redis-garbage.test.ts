import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { openStore } from '../../../src/hub/store/open.ts'
import { bucketOf, callChannel, heldKeys, indexKey, newsChannel, recordKey } from '../../../src/hub/store/redis-keys.ts'
import type { RecordStore } from '../../../src/hub/store/store.ts'
import { UNAVAILABLE } from './outage.ts'
import { collect, listen, NOW, peerId, stored, until, X } from './records.ts'
import { NO_REDIS, RedisServer } from './redis-server.ts'

describe('what is in the place of our keys', { skip: NO_REDIS }, () => {
  let server: RedisServer
  let store: RecordStore
  before(async () => {
    server = await RedisServer.start()
  })
  after(() => server.stop())
  beforeEach(async () => {
    await server.command('FLUSHALL')
    store = await openStore(server.url, '')
  })
  afterEach(() => store.stop())

  const peer = peerId(1)
  const bucket = bucketOf(peer)
  const key = recordKey(peer)
  const long = `1 1 0 1 9999999999999 9999999999999 ${'h,'.repeat(10_000)}`
  const garbage: readonly (readonly string[])[] = [
    ['SET', key, ''],
    ['SET', key, 'garbage'],
    ['SET', key, '1 '],
    ['SET', key, '1 99999999999999999999 0 1 9999999999999 9999999999999 \nenvelope'],
    ['SET', key, '1 9007199254740993 0 1 9999999999999 9999999999999 \nenvelope'],
    ['SET', key, '1 -1 0 1 9999999999999 9999999999999 \nenvelope'],
    ['SET', key, '2 1 0 1 9999999999999 9999999999999 \nenvelope'],
    ['SET', key, long],
    ['HSET', key, 'field', 'value'],
    ['LPUSH', indexKey(bucket), 'x'],
    ['SET', heldKeys(bucket) + X, 'x'],
    ['ZADD', indexKey(bucket), '9999999999999', 'somebody']
  ]
  for (const command of garbage) {
    test(`${command.join(' ').slice(0, 80)}`, async () => {
      await server.command(...command)
      const isKey = command[1] === key
      if (isKey) assert.equal(await store.get(peer, NOW), undefined)
      await store.count(NOW)
      await store.list(undefined, 10, NOW)
      await collect(store.held(X))
      assert.equal((await store.put(stored(peer, 5), X, NOW)).outcome, 'stored')
      assert.equal((await store.get(peer, NOW))?.seq, 5)
      assert.ok((await store.list(undefined, 10, NOW)).peers.includes(peer))
      assert.deepEqual(await collect(store.held(X)), [peer])
      await store.release(peer, X, NOW)
      assert.equal(await store.get(peer, NOW), undefined)
    })
  }

  test('messages that are none are nothing', async () => {
    const news = listen(store)
    let calls = 0
    store.onCall(() => calls++)
    await store.watch(peer)
    await store.put(stored(peer, 1), X, NOW)
    for (const message of ['', 'garbage', '0 ', '0 x', '1 7', `0 ${'9'.repeat(40)}`, long]) {
      await server.command('PUBLISH', newsChannel(peer), message)
    }
    for (const message of ['', ' ', 'nospace', `${peer} ${'x'.repeat(20_000)}`]) {
      await server.command('PUBLISH', callChannel(X), message)
    }
    await store.call(peer, Uint8Array.of(1))
    await store.put(stored(peer, 2), X, NOW)
    await until(() => calls === 1 && news.length === 2)
    assert.deepEqual(
      news.map(each => each.record?.seq),
      [1, 2]
    )
  })

  test('all that is kept is forgotten in time by Redis itself', async () => {
    const soon = { expiresMs: NOW + 100, forgetMs: NOW + 300 }
    await store.put(stored(peer, 1, soon), X, NOW)
    const keys = async () => (await server.command('KEYS', '*')) as readonly string[]
    assert.equal((await keys()).length, 3)
    for (let count = 3; count > 0; ) count = (await keys()).length
  })

  test('it learns its scripts again', async () => {
    await store.put(stored(peer, 1), X, NOW)
    await server.command('SCRIPT', 'FLUSH')
    assert.equal((await store.put(stored(peer, 2), X, NOW)).outcome, 'stored')
    assert.equal((await store.put(stored(peer, 3), X, NOW)).outcome, 'stored')
  })

  test('when it is full, it says so', async () => {
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    await assert.rejects(store.put(stored(peer, 1), X, NOW), { ...UNAVAILABLE, message: /OOM/ })
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    assert.equal((await store.put(stored(peer, 1), X, NOW)).outcome, 'stored')
  })
})
