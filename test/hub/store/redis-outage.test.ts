import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { NatError } from '../../../src/core/errors.ts'
import { openStore } from '../../../src/hub/store/open.ts'
import { type RecordStore, STORE_TIMEOUT_MS } from '../../../src/hub/store/store.ts'
import { killedWhilePutting } from './kill.ts'
import { BACK_MS, failsInTime, UNAVAILABLE, works } from './outage.ts'
import { listen, NOW, peerId, stored, until, X } from './records.ts'
import { NO_REDIS, RedisServer } from './redis-server.ts'

describe('Redis that is not there', { skip: NO_REDIS }, () => {
  let server: RedisServer
  let a: RecordStore
  let b: RecordStore

  beforeEach(async () => {
    server = await RedisServer.start()
    ;[a, b] = await Promise.all([openStore(server.url, ''), openStore(server.url, '')])
  })
  afterEach(async () => {
    await Promise.all([a.stop(), b.stop()])
    await server.stop()
  })

  test('when it hangs, all fails in time, and goes on when it does', async () => {
    await a.put(stored(peerId(1), 1), X, NOW)
    await b.watch(peerId(1))
    const news = listen(b)
    server.signal('SIGSTOP')
    await failsInTime(a)
    await failsInTime(b)
    // by now nothing waits for an answer: it is said at once
    const startedMs = performance.now()
    const failed = await Promise.allSettled(Array.from({ length: 20_000 }, (_, at) => a.get(peerId(at), NOW)))
    assert.ok(failed.every(each => each.status === 'rejected' && (each.reason as NatError).code === 'UNAVAILABLE'))
    assert.ok(performance.now() - startedMs < STORE_TIMEOUT_MS)
    server.signal('SIGCONT')
    await works(a)
    await works(b)
    await a.put(stored(peerId(1), 2), X, NOW)
    await until(() => news.some(each => each.record?.seq === 2), BACK_MS)
  })

  test('of what is asked at once, no more waits than has room', async () => {
    server.signal('SIGSTOP')
    const asked = Array.from({ length: 25_000 }, (_, at) => a.put(stored(peerId(at), 1), X, NOW))
    let full = 0
    const failed = await Promise.allSettled(asked)
    for (const each of failed) {
      assert.equal(each.status, 'rejected')
      assert.equal((each.reason as NatError).code, 'UNAVAILABLE')
      if (/wait for it already/.test((each.reason as NatError).message)) full++
    }
    assert.ok(full >= 15_000)
    server.signal('SIGCONT')
    await works(a)
  })

  test('when it is killed and comes back, all is there that was acknowledged, and watchers hear what they have missed', async () => {
    const peers = [1, 2, 3, 4].map(peerId)
    for (const peer of peers) await a.put(stored(peer, 1), X, NOW)
    await Promise.all(peers.map(peer => b.watch(peer)))
    const news = listen(b)
    await server.kill()
    await failsInTime(a)
    await failsInTime(b)
    await server.resume()
    // told before the hub that watches has its connections again
    const other = await openStore(server.url, '')
    await other.put(stored(peers[0]!, 2), X, NOW)
    await other.release(peers[1]!, X, NOW)
    await other.put(stored(peers[2]!, 2, { left: true }), X, NOW)
    await works(a)
    await works(b)
    assert.equal((await a.get(peers[3]!, NOW))?.seq, 1)
    await until(() => news.length >= 3, BACK_MS)
    const told = (at: number) => news.filter(each => each.peer === peers[at]).map(each => each.record?.seq)
    assert.deepEqual([0, 1, 2, 3].map(told), [[2], [undefined], [undefined], []])
    // and calls come again
    const calls: string[] = []
    a.onCall(peer => calls.push(peer))
    await until(() => {
      other.call(peers[0]!, Uint8Array.of(1)).catch(() => {})
      return calls.includes(peers[0]!)
    }, BACK_MS)
    await other.stop()
  })

  test('when it comes back with nothing, watchers hear that their peers are gone, and of their coming', async () => {
    await a.put(stored(peerId(1), 1), X, NOW)
    await b.watch(peerId(1))
    const news = listen(b)
    const other = await RedisServer.stopped(server.port)
    await server.kill()
    await other.resume()
    await until(() => news.length === 1, BACK_MS)
    await works(a)
    assert.equal((await a.put(stored(peerId(1), 1), X, NOW)).outcome, 'stored')
    await until(() => news.length === 2)
    assert.deepEqual(
      news.map(each => each.record?.seq),
      [undefined, 1]
    )
    await other.stop()
  })

  test('nothing that was acknowledged is lost when the hub is killed', async () => {
    const acknowledged = await killedWhilePutting(server.url, '', 1_000)
    const newest = new Map<string, number>()
    for (const seq of acknowledged) newest.set(peerId(seq % 500), Math.max(seq, newest.get(peerId(seq % 500)) ?? 0))
    for (const [peer, seq] of newest) assert.ok(((await a.get(peer, NOW))?.seq ?? 0) >= seq)
  })

  test('it may be away when the hub starts', async () => {
    const port = server.port
    await server.kill()
    const early = await openStore(`redis://127.0.0.1:${port}`, '')
    await assert.rejects(early.check(), UNAVAILABLE)
    await assert.rejects(early.watch(peerId(1)), UNAVAILABLE)
    await server.resume()
    await works(early)
    await early.check()
    await early.stop()
  })

  test('it is stopped while it is away, and while it hangs', async () => {
    await a.watch(peerId(1))
    server.signal('SIGSTOP')
    const asked = assert.rejects(a.get(peerId(1), NOW), UNAVAILABLE)
    await a.stop()
    await asked
    server.signal('SIGCONT')
    await server.kill()
    await assert.rejects(b.check(), UNAVAILABLE)
    await b.stop()
  })
})
