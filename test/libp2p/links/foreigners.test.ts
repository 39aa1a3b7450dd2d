import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { FOREIGN, Foreigners } from '../../../src/libp2p/links/foreigners.ts'

test('who knows no links is remembered for a while, longer when that is certain', async () => {
  const clock = new VirtualClock()
  const foreigners = new Foreigners(clock)
  foreigners.add('said so', true)
  foreigners.add('hung up', false)
  const are = () => ['said so', 'hung up', 'nobody'].map(peer => foreigners.has(peer))
  assert.deepEqual(are(), [true, true, false])
  await clock.advance(FOREIGN.guessedMs)
  assert.deepEqual(are(), [true, false, false])
  await clock.advance(FOREIGN.forMs)
  assert.deepEqual(are(), [false, false, false])
})

test('of too many the oldest are forgotten, and not for one that is known already', () => {
  const foreigners = new Foreigners(new VirtualClock())
  for (let n = 0; n < FOREIGN.max; n++) foreigners.add(`peer ${n}`, true)
  foreigners.add('peer 1', true)
  assert.ok(foreigners.has('peer 0'))
  foreigners.add('one more', true)
  assert.deepEqual(
    ['peer 0', 'peer 1', 'peer 2', 'one more'].map(peer => foreigners.has(peer)),
    [false, true, true, true]
  )
})
