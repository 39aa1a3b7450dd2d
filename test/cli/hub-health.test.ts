import assert from 'node:assert/strict'
import test from 'node:test'
import { watchStore } from '../../src/cli/hub-health.ts'
import { output } from '../../src/cli/output.ts'
import { VirtualClock } from '../../src/core/clock.ts'

test('a store that is away, and back, is told of once each', async () => {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const answers = [true, true, false, false, true, true]
  const told: unknown[] = []
  const out = { ...output(true), event: (value: Record<string, unknown>) => told.push([clock.now(), value['ok']]) }
  const watching = watchStore(out, { healthy: async () => answers.shift() ?? true }, clock, stop.signal)
  for (let ms = 0; ms < 30_000; ms += 1_000) await clock.advance(1_000)
  stop.abort()
  await watching
  assert.deepEqual(told, [
    [10_000, false],
    [20_000, true]
  ])
  assert.equal(clock.pending, 0)
})
