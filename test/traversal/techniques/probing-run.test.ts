import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import type { KnownPath } from '../../../src/traversal/paths/api.ts'
import type { LinkAttempt } from '../../../src/traversal/technique.ts'
import type { ProbingMachine } from '../../../src/traversal/techniques/probing.ts'
import { runProbing } from '../../../src/traversal/techniques/probing-run.ts'

const idle: ProbingMachine = { step: () => ({}), effort: 'nothing' }

/** An attempt whose machine does nothing, and what ends it. */
function attempt() {
  const path = Promise.withResolvers<KnownPath>()
  const direct = new AbortController()
  const context: Partial<LinkAttempt> = {
    clock: new VirtualClock(),
    signal: direct.signal,
    found: path.promise,
    mainSocket: () => 1,
    hear: () => new Promise(() => {})
  }
  return {
    result: runProbing(context as LinkAttempt, idle),
    find: () => path.resolve({} as KnownPath),
    abort: () => direct.abort(new NatError('LINK_CLOSED', 'there is a direct path'))
  }
}

describe('how an attempt that probes ends', () => {
  test('the path that ends everything else is its own', async () => {
    const { result, find, abort } = attempt()
    find()
    abort()
    assert.deepEqual(await result, { outcome: 'ok', reason: 'connected', detail: 'nothing' })
  })

  test('the path is of another attempt', async () => {
    const { result, abort } = attempt()
    abort()
    assert.deepEqual(await result, { outcome: 'failed', reason: 'aborted', detail: 'nothing' })
  })
})
