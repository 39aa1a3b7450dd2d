import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, it, type TestContext } from 'node:test'
import type { Logger } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { realClock } from '../../../src/core/clock.ts'
import { FAULTS } from '../../../src/core/fault.ts'
import type { LinksContext } from '../../../src/libp2p/links/context.ts'
import { PathStream } from '../../../src/libp2p/links/path-stream.ts'
import type { PathMessage } from '../../../src/wire/path.ts'
import { onFault } from '../../faults.ts'

const plan = (startMs: number): PathMessage => ({ type: 'PLAN', round: 1, steps: [{ technique: 'birthday', startMs }] })

/** Two ends of a path stream; faults are told, and do not fail the test. */
async function stage(t: TestContext) {
  const faults: unknown[] = []
  const note = (error: unknown) => faults.push(error)
  unsubscribe(FAULTS, onFault)
  subscribe(FAULTS, note)
  const log = Object.assign(() => {}, { trace: () => {} }) as unknown as Logger
  const heard: PathMessage[] = []
  const arrived = Promise.withResolvers<void>()
  const end = (onMessage: (message: PathMessage) => void) =>
    new PathStream({ clock: realClock, log } as LinksContext, onMessage, () => {})
  const near = end(() => {})
  const far = end(message => {
    heard.push(message)
    arrived.resolve()
  })
  const [ours, theirs] = await streamPair()
  t.after(() => {
    near.close()
    far.close()
    unsubscribe(FAULTS, note)
    subscribe(FAULTS, onFault)
  })
  return { near, heard, faults, arrived: arrived.promise, ours, open: () => [near.take(ours), far.take(theirs)] }
}

describe('a message of ours that cannot be written', () => {
  for (const isOpen of [true, false]) {
    it(`is told as a fault, and the next one is sent (${isOpen ? 'with' : 'before there is'} a stream)`, async t => {
      const { near, heard, faults, arrived, open } = await stage(t)
      if (isOpen) open()
      near.send(plan(0.5))
      near.send(plan(500))
      if (!isOpen) open()
      await arrived
      assert.deepEqual(heard, [plan(500)])
      assert.equal((faults[0] as { code?: string }).code, 'MALFORMED')
      assert.equal(faults.length, 1)
    })
  }

  it('is not one that the stream does not take any more', async t => {
    const { near, faults, ours, open } = await stage(t)
    open()
    ours.abort(new Error('it is over'))
    near.send(plan(500))
    assert.deepEqual(faults, [])
  })
})
