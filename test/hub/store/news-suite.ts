import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { RecordStore } from '../../../src/hub/store/store.ts'
import { listen, NOW, peerId, plain, type Step, stored, take, until, X, Y } from './records.ts'
import type { Fleet } from './suite.ts'

/** What hubs hear of each other: part of the suite. */
export function newsTests(fleet: () => Fleet): void {
  let a: RecordStore
  let b: RecordStore
  beforeEach(() => {
    a = fleet().a
    b = fleet().b
  })

  test('who watches hears of all that changes, and of nothing else', async () => {
    const news = listen(b)
    const peer = peerId(1)
    await b.watch(peer)
    const steps: readonly (readonly [Step, string | undefined])[] = [
      [{ put: 5, by: X }, 'at 5'],
      [{ put: 5, by: X }, undefined],
      [{ put: 5, by: Y }, undefined],
      [{ put: 4, by: Y }, undefined],
      [{ put: 6, by: X }, 'at 6'],
      [{ release: Y }, undefined],
      [{ release: X }, 'gone'],
      [{ put: 6 }, undefined],
      [{ put: 6, by: Y }, 'at 6'],
      [{ put: 7, left: true }, 'gone'],
      [{ put: 8, left: true }, undefined],
      [{ put: 9 }, 'at 9']
    ]
    for (const [step] of steps) await take(a, peer, step)
    const expected = steps.flatMap(([, told]) => (told == null ? [] : [told]))
    await until(() => news.length >= expected.length)
    // one more comes after all that would have come too much
    await a.put(stored(peer, 10), X, NOW)
    await until(() => news.at(-1)?.record?.seq === 10)
    assert.deepEqual(
      news.map(each => (each.record == null ? 'gone' : `at ${each.record.seq}`)),
      [...expected, 'at 10']
    )
    assert.deepEqual(plain(news.at(-1)?.record), plain(stored(peer, 10)))
    assert.ok(news.every(each => each.peer === peer))
  })

  test('nothing is heard of a peer that is not watched, or not any more', async () => {
    const news = listen(b)
    await Promise.all([1, 2, 3].map(each => b.watch(peerId(each))))
    await b.watch(peerId(1))
    b.unwatch(peerId(1))
    b.unwatch(peerId(4))
    b.unwatch(peerId(3))
    await b.watch(peerId(3))
    for (const each of [1, 4, 2, 3]) await a.put(stored(peerId(each), 1), X, NOW)
    await until(() => news.length >= 2)
    assert.deepEqual(news.map(each => each.peer).sort(), [peerId(2), peerId(3)])
  })

  test('a listener that is taken away hears nothing', async () => {
    const kept = listen(b)
    let heard = 0
    const off = b.onNews(() => heard++)
    off()
    await b.watch(peerId(1))
    await a.put(stored(peerId(1), 1), X, NOW)
    await until(() => kept.length === 1)
    assert.equal(heard, 0)
  })

  test('a call comes to the hub that holds the peer', async () => {
    const calls: { readonly by: string; readonly peer: string; readonly envelope: readonly number[] }[] = []
    a.onCall((peer, envelope) => calls.push({ by: 'a', peer, envelope: [...envelope] }))
    if (b !== a) b.onCall((peer, envelope) => calls.push({ by: 'b', peer, envelope: [...envelope] }))
    await a.put(stored(peerId(1), 1), X, NOW)
    await b.put(stored(peerId(2), 1), Y, NOW)
    const envelope = Uint8Array.of(0, 32, 10, 255)
    await b.call(peerId(1), envelope)
    await until(() => calls.length > 0)
    await a.call(peerId(2), envelope)
    await until(() => calls.length > 1)
    const bytes = [...envelope]
    assert.deepEqual(calls, [
      { by: 'a', peer: peerId(1), envelope: bytes },
      { by: b === a ? 'a' : 'b', peer: peerId(2), envelope: bytes }
    ])
    // nobody listens: it is lost, and that is no error
    await a.call(peerId(3), envelope)
  })
}
