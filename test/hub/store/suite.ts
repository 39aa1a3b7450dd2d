import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { RecordStore } from '../../../src/hub/store/store.ts'
import { newsTests } from './news-suite.ts'
import { ROWS, type Row } from './put-rows.ts'
import { collect, HOUR, NOW, peerId, plain, recordOf, stored, take, until, X, Y } from './records.ts'

/** The stores of two hubs that share their records; the same one twice where only one can have them. */
export interface Fleet {
  readonly a: RecordStore
  readonly b: RecordStore
  stop(): Promise<void>
}

/** What every store has to do, whatever is behind it. @param open with nothing in it */
export function storeSuite(name: string, skip: string | false, open: () => Promise<Fleet>): void {
  describe(name, { skip }, () => {
    let fleet: Fleet
    let a: RecordStore
    let b: RecordStore
    const begin = async () => {
      fleet = await open()
      a = fleet.a
      b = fleet.b
    }

    describe('what becomes of a record', () => {
      before(begin)
      after(() => fleet.stop())
      for (const [at, row] of ROWS.entries()) test(row.name, () => checkRow(peerId(at), row))
    })

    const checkRow = async (peer: string, row: Row) => {
      const count = await a.count(NOW)
      for (const step of row.before) await take(a, peer, step)
      const result = await take(b, peer, row.last)
      assert.equal(result?.outcome, row.outcome)
      if (result?.outcome === 'stale') {
        const newest = row.before.flatMap(step => ('put' in step ? [step] : [])).at(-1)!
        assert.deepEqual(plain(result.current), plain(recordOf(peer, newest)))
      }
      const found = await a.get(peer, NOW)
      assert.equal(found?.seq, row.there)
      assert.equal(await b.count(NOW), row.there == null ? count : count + 1)
      assert.equal((await b.list(undefined, 1_000, NOW)).peers.includes(peer), row.there != null)
    }

    describe('all that it does', () => {
      beforeEach(begin)
      afterEach(() => fleet.stop())

      test('what was put is got, byte by byte', async () => {
        const envelope = Uint8Array.from({ length: 8_192 }, (_, at) => at & 0xff)
        const record = stored(peerId(1), 7, { envelope })
        await a.put(record, X, NOW)
        assert.deepEqual(plain(await b.get(peerId(1), NOW)), plain(record))
        assert.equal(await b.get(peerId(2), NOW), undefined)
      })

      test('it expires, and its number is remembered until it is forgotten, by the clock that is given', async () => {
        const record = stored(peerId(1), 7)
        await a.put(record, X, NOW)
        assert.equal((await b.get(peerId(1), record.expiresMs - 1))?.seq, 7)
        assert.equal(await b.get(peerId(1), record.expiresMs), undefined)
        assert.equal(await b.count(record.expiresMs), 0)
        assert.deepEqual(await b.list(undefined, 10, record.expiresMs), { peers: [] })
        const old = stored(peerId(1), 6, { expiresMs: record.forgetMs + HOUR, forgetMs: record.forgetMs + 49 * HOUR })
        assert.equal((await b.put(old, X, record.forgetMs - 1)).outcome, 'stale')
        assert.equal((await b.put(old, undefined, record.forgetMs)).outcome, 'stored')
        // its hub is forgotten with it
        await a.release(peerId(1), X, record.forgetMs)
        assert.equal((await a.get(peerId(1), record.forgetMs))?.seq, 6)
      })

      test('times of any clock will do', async () => {
        const record = stored(peerId(1), 7, { expiresMs: 2_000, forgetMs: 60_000 })
        assert.equal((await a.put(record, X, 1_000)).outcome, 'stored')
        assert.equal((await b.get(peerId(1), 1_999))?.seq, 7)
        assert.equal(await b.get(peerId(1), 2_000), undefined)
      })

      test('a goodbye is shown for as long as it is kept, and nothing else is one', async () => {
        const goodbye = stored(peerId(1), 2, { left: true, expiresMs: NOW + 1_000 })
        await a.put(stored(peerId(1), 1), X, NOW)
        assert.equal(await b.goodbye(peerId(1), NOW), undefined)
        assert.equal(await b.goodbye(peerId(2), NOW), undefined)
        await a.put(goodbye, X, NOW)
        assert.equal(await b.get(peerId(1), NOW), undefined)
        assert.deepEqual(await b.goodbye(peerId(1), NOW + 999), goodbye)
        assert.equal(await b.goodbye(peerId(1), NOW + 1_000), undefined)
        await a.put(stored(peerId(1), 3), X, NOW)
        assert.equal(await b.goodbye(peerId(1), NOW), undefined)
        await a.release(peerId(1), X, NOW)
        assert.equal(await b.goodbye(peerId(1), NOW), undefined)
      })

      test('pages', async () => {
        const peers = Array.from({ length: 57 }, (_, at) => peerId(at))
        await Promise.all(peers.map(peer => a.put(stored(peer, 1), X, NOW)))
        await a.release(peers[3]!, X, NOW)
        await a.put(stored(peers[4]!, 2, { left: true }), X, NOW)
        await a.put(stored(peers[5]!, 2, { expiresMs: NOW + 1 }), X, NOW)
        const listed: string[] = []
        let after: string | undefined
        let pages = 0
        do {
          const page = await b.list(after, 10, NOW + 1)
          assert.ok(page.peers.length <= 10)
          listed.push(...page.peers)
          after = page.next
          pages++
        } while (after != null)
        assert.equal(pages, 6)
        assert.deepEqual([...listed].sort(), peers.filter((_, at) => at < 3 || at > 5).sort())
        assert.deepEqual((await b.list(undefined, 1_000, NOW + 1)).peers, listed)
        assert.equal(await b.count(NOW + 1), 54)
      })

      test('a page that ends with the last peer says so', async () => {
        for (const at of [1, 2, 3]) await a.put(stored(peerId(at), 1), X, NOW)
        const first = await b.list(undefined, 3, NOW)
        assert.equal(first.peers.length, 3)
        assert.equal(first.next, undefined)
      })

      test('of many puts at once, at two hubs, the highest wins', async () => {
        const peer = peerId(1)
        const seqs = Array.from({ length: 50 }, (_, at) => 1 + ((at * 31) % 50))
        const outcomes = await Promise.all(seqs.map((seq, at) => (at % 2 === 0 ? a : b).put(stored(peer, seq), X, NOW)))
        assert.equal((await a.get(peer, NOW))?.seq, 50)
        for (const [at, outcome] of outcomes.entries()) {
          if (outcome.outcome === 'stale') assert.ok(outcome.current.seq > seqs[at]!)
          else assert.equal(outcome.outcome, 'stored')
        }
        assert.equal(outcomes[seqs.indexOf(50)]?.outcome, 'stored')
      })

      test('a hub that starts again is told whom it holds', async () => {
        for (let at = 0; at < 20; at++) await a.put(stored(peerId(at), 1), at < 12 ? X : Y, NOW)
        await a.put(stored(peerId(1), 1), Y, NOW)
        await a.release(peerId(2), X, NOW)
        await a.put(stored(peerId(3), 2, { left: true }), undefined, NOW)
        const expected = [0, 1, 4, 5, 6, 7, 8, 9, 10, 11].map(peerId).sort()
        assert.deepEqual((await collect(b.held(X))).sort(), expected)
        assert.equal((await collect(b.held(Y))).length, 9)
        assert.deepEqual(await collect(b.held('12D3KooWNobody')), [])
      })

      test('it answers until it is stopped', async () => {
        await a.check()
        await fleet.stop()
        for (const work of [() => a.check(), () => a.get(peerId(1), NOW), () => a.put(stored(peerId(1), 1), X, NOW)]) {
          await assert.rejects(work, { name: 'NatError', code: 'UNAVAILABLE' })
        }
        await a.stop()
      })

      test('it leaves no handle', async () => {
        await a.put(stored(peerId(1), 1), X, NOW)
        await b.watch(peerId(1))
        await fleet.stop()
        await until(
          () => !process.getActiveResourcesInfo().some(each => each === 'TCPSocketWrap' || each === 'Immediate')
        )
      })

      newsTests(() => fleet)
    })
  })
}
