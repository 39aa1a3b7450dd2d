import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../src/core/clock.ts'
import { scoped, withDeadline } from '../../src/core/deadline.ts'

test('what is done in time is returned, and no timer stays', async () => {
  const clock = new VirtualClock()
  assert.equal(await withDeadline(clock, 100, 'it', undefined, async () => 7), 7)
  assert.equal(clock.pending, 0)
})

test('the time being up aborts the work and ends the wait', async () => {
  const clock = new VirtualClock()
  let aborted: AbortSignal | undefined
  const done = withDeadline(clock, 100, 'the answer', undefined, signal => {
    aborted = signal
    return new Promise<never>(() => {})
  })
  const failed = assert.rejects(done, { code: 'TIMEOUT', message: 'the answer: nothing within 100 ms' })
  await clock.advance(100)
  await failed
  assert.ok(aborted?.aborted)
})

test('an abort from outside is handed on with its reason', async () => {
  const clock = new VirtualClock()
  const controller = new AbortController()
  const done = withDeadline(clock, 100, 'it', controller.signal, () => new Promise<never>(() => {}))
  controller.abort(new Error('stop'))
  await assert.rejects(done, { message: 'stop' })
  await assert.rejects(
    withDeadline(clock, 100, 'it', controller.signal, async () => 1),
    { message: 'stop' }
  )
  assert.equal(clock.pending, 0)
})

test('a scoped signal follows while the work runs, and no longer', async () => {
  const outer = new AbortController()
  const inner = await scoped(outer.signal, async signal => signal)
  outer.abort(new Error('later'))
  assert.equal(inner.aborted, false)
  await assert.rejects(
    scoped(outer.signal, async () => 1),
    /later/
  )
  const running = new AbortController()
  const work = scoped(
    running.signal,
    signal => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  )
  running.abort(new Error('now'))
  await assert.rejects(work, /now/)
})
