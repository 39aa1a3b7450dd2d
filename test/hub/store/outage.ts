import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NatError } from '../../../src/core/errors.ts'
import { type RecordStore, STORE_TIMEOUT_MS } from '../../../src/hub/store/store.ts'
import { collect, NOW, peerId, stored, X } from './records.ts'

export const UNAVAILABLE = { name: 'NatError', code: 'UNAVAILABLE' }

/** After an outage, how long it may take until all is as before: the longest pause between attempts, and some. */
export const BACK_MS = 15_000

export async function failsInTime(store: RecordStore): Promise<void> {
  const startedMs = performance.now()
  const outcomes = await Promise.allSettled([
    store.get(peerId(1), NOW),
    store.put(stored(peerId(1), 1), undefined, NOW),
    store.release(peerId(9), X, NOW),
    store.count(NOW),
    store.list(undefined, 10, NOW),
    store.watch(peerId('new')),
    store.call(peerId(1), Uint8Array.of(1)),
    collect(store.held(X)),
    store.check()
  ])
  assert.ok(performance.now() - startedMs < STORE_TIMEOUT_MS)
  for (const each of outcomes) {
    assert.equal(each.status, 'rejected')
    assert.equal((each.reason as NatError).code, 'UNAVAILABLE', String(each.reason))
  }
}

export async function works(store: RecordStore): Promise<void> {
  await eventually(() => store.check())
  await eventually(async () => void (await store.put(stored(peerId('works'), 1), X, NOW)))
}

export async function eventually(work: () => Promise<void>): Promise<void> {
  for (const deadline = performance.now() + BACK_MS; ; ) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(20)
    }
  }
}
