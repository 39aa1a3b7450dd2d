import assert from 'node:assert/strict'
import test from 'node:test'
import { Pacer, wakeAt } from '../../../src/traversal/techniques/pacer.ts'
import { PROBING, type Probe } from '../../../src/traversal/techniques/probing.ts'

const probes = (count: number): Probe[] =>
  Array.from({ length: count }, (_, n) => ({ from: 0, to: { address: '11.0.0.1', port: 5_000 + n } }))

const take = (pacer: Pacer, nowMs: number) =>
  pacer.take(nowMs).map(action => (action.type === 'probe' ? action.probe.to.port - 5_000 : Number.NaN))

test('so many at a time, in their order', () => {
  const pacer = new Pacer(probes(5), { batch: 2, everyMs: 10 }, 100)
  assert.equal(pacer.wakeAtMs, 100)
  assert.deepEqual(take(pacer, 100), [0, 1])
  assert.deepEqual(take(pacer, 105), [])
  assert.equal(pacer.wakeAtMs, 110)
  assert.deepEqual(take(pacer, 110), [2, 3])
  assert.deepEqual(take(pacer, 120), [4])
  assert.equal(pacer.wakeAtMs, undefined)
  assert.deepEqual(take(pacer, 130), [])
  assert.equal(pacer.sent, 5)
})

test('what was late is not caught up on', () => {
  const pacer = new Pacer(probes(8), { batch: 2, everyMs: 10 }, 0)
  take(pacer, 0)
  assert.deepEqual(take(pacer, 1_000), [2, 3])
  assert.equal(pacer.wakeAtMs, 1_010)
})

test('what was held back goes first, later, and no more at once than before', () => {
  const pacer = new Pacer(probes(5), { batch: 2, everyMs: 10 }, 0)
  for (let nowMs = 0; nowMs < 1_000; nowMs += PROBING.heldMs) {
    assert.deepEqual(take(pacer, nowMs), [0, 1])
    pacer.putBack(nowMs, probes(2))
    assert.equal(pacer.wakeAtMs, nowMs + PROBING.heldMs)
    assert.ok(pacer.isHeld)
    assert.equal(pacer.sent, 0)
  }
  assert.deepEqual(take(pacer, 1_000), [0, 1])
  assert.ok(!pacer.isHeld)
  assert.deepEqual(take(pacer, 1_010), [2, 3])
})

test('the last one may be held back, too', () => {
  const pacer = new Pacer(probes(1), { batch: 2, everyMs: 10 }, 0)
  take(pacer, 0)
  assert.equal(pacer.wakeAtMs, undefined)
  pacer.putBack(0, probes(1))
  assert.equal(pacer.wakeAtMs, PROBING.heldMs)
  assert.deepEqual(take(pacer, PROBING.heldMs), [0])
})

test('of an endless list only what is due is read', () => {
  let read = 0
  const endless = function* (): Generator<Probe> {
    for (;;) yield { from: 0, to: { address: '11.0.0.1', port: 1_024 + read++ } }
  }
  const pacer = new Pacer(endless(), { batch: 10, everyMs: 10 }, 0)
  pacer.take(0)
  assert.ok(read <= 20)
})

test('a machine wakes for its next probes, and no later than its time is over', () => {
  const pacer = new Pacer(probes(3), { batch: 2, everyMs: 10 }, 100)
  assert.deepEqual([wakeAt(pacer, 500), wakeAt(pacer, 50), wakeAt(undefined, 500)], [100, 50, 500])
  take(pacer, 100)
  assert.equal(wakeAt(pacer, 105), 105)
  take(pacer, 110)
  assert.equal(wakeAt(pacer, 500), 500)
})
