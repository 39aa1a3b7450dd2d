import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import type { KnownPath } from '../../../src/traversal/paths/api.ts'
import type { AttemptResult, LinkAttempt } from '../../../src/traversal/technique.ts'
import { punchTcp } from '../../../src/traversal/techniques/punch-tcp.ts'

const CONNECTED: AttemptResult = { outcome: 'ok', reason: 'connected', detail: '192.0.2.1:4001' }

/** An attempt whose TCP connect comes to that. */
function attempt(result: AttemptResult) {
  const clock = new VirtualClock()
  const path = Promise.withResolvers<KnownPath>()
  const ending = new AbortController()
  const context: Partial<LinkAttempt> = {
    on: 'link',
    clock,
    signal: ending.signal,
    found: path.promise,
    punchTcp: async () => result
  }
  let came: AttemptResult | undefined
  const over = punchTcp.attempt(context as LinkAttempt).then(own => {
    came = own
  })
  return { clock, over, find: () => path.resolve({} as KnownPath), ending, came: () => came }
}

describe('an attempt by TCP', () => {
  test('goes on while its connection is no path yet', async () => {
    const { clock, over, find, came } = attempt(CONNECTED)
    await clock.advance(1_000)
    assert.equal(came(), undefined)
    find()
    await over
    assert.equal(came(), CONNECTED)
  })

  test('has failed when nothing comes by the connection', async () => {
    const { clock, over, came } = attempt(CONNECTED)
    await clock.advance(10_000)
    await over
    assert.deepEqual(came(), { outcome: 'failed', reason: 'unproven', detail: '192.0.2.1:4001' })
  })

  test('waits for nothing without a connection, or when it is ended', async () => {
    const failed: AttemptResult = { outcome: 'failed', reason: 'no-answer' }
    const { over, came } = attempt(failed)
    await over
    assert.equal(came(), failed)
    const ended = attempt(CONNECTED)
    ended.ending.abort(new NatError('LINK_CLOSED', 'there is a direct path'))
    await ended.over
    assert.equal(ended.came(), CONNECTED)
  })
})
