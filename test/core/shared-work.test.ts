import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SharedWork } from '../../src/core/shared-work.ts'

const never = () => new AbortController().signal

/** Work that ends when it is told to, and listens to its signal. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let given: AbortSignal | undefined
  const shared = new SharedWork(signal => {
    given = signal
    signal.addEventListener('abort', () => reject(signal.reason))
    return promise
  })
  return { shared, resolve, reject, signal: given! }
}

describe('work that several wait for', () => {
  it('ends with the same for all', async () => {
    const { shared, resolve } = work()
    const all = Promise.all([shared.join(never()), shared.join(never())])
    resolve('done')
    assert.deepEqual(await all, ['done', 'done'])
    await shared.over
  })

  it('fails for all', async () => {
    const { shared, reject } = work()
    const all = Promise.allSettled([shared.join(never()), shared.join(never())])
    reject(new Error('no'))
    assert.deepEqual(
      (await all).map(({ status }) => status),
      ['rejected', 'rejected']
    )
  })

  it('goes on when one gives up, and is given up with the last', async () => {
    const { shared, signal } = work()
    const [one, other] = [new AbortController(), new AbortController()]
    const waiting = [shared.join(one.signal), shared.join(other.signal)]
    one.abort(new Error('one'))
    await assert.rejects(waiting[0]!, { message: 'one' })
    assert.deepEqual([signal.aborted, shared.givenUp], [false, undefined])
    other.abort(new Error('other'))
    await assert.rejects(waiting[1]!, { message: 'other' })
    assert.equal(signal.aborted, true)
    assert.notEqual(shared.givenUp, undefined)
    await shared.over
  })

  it('is given up when the only one who asks for it has given up before', async () => {
    const { shared, signal } = work()
    await assert.rejects(shared.join(AbortSignal.abort(new Error('before'))), { message: 'before' })
    assert.equal(signal.aborted, true)
  })

  it('that fails at once, and that nobody waits for, is no unhandled rejection', async () => {
    const shared = new SharedWork(async () => {
      throw new Error('at once')
    })
    await shared.over
  })
})
