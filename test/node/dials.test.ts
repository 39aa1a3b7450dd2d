import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Dials, MAX_DIALS } from '../../src/node/dials.ts'

const never = () => new AbortController().signal

/** Dials that end when the test says so. */
function dialling() {
  const dials = new Dials()
  const begun: { peer: string; signal: AbortSignal; resolve: () => void; reject: (error: Error) => void }[] = []
  const to = (peer: string, signal = never()) =>
    dials.join(peer, signal, given => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      given.addEventListener('abort', () => reject(given.reason))
      begun.push({ peer, signal: given, resolve, reject })
      return promise
    })
  const end = (peer: string) => begun.find(each => each.peer === peer)?.resolve()
  return { dials, begun, to, end }
}

/** Promise jobs that are ready have run. */
const settled = () => new Promise(resolve => setImmediate(resolve))

describe('dials to peers', () => {
  it('are shared by all who connect to the same one', async () => {
    const { to, begun, end } = dialling()
    const all = Promise.all([to('bob'), to('bob'), to('carol')])
    assert.deepEqual(
      begun.map(({ peer }) => peer),
      ['bob', 'carol']
    )
    end('bob')
    end('carol')
    await all
  })

  it('are begun anew when the one before is over, or given up', async () => {
    const { to, begun, dials } = dialling()
    const failed = assert.rejects(to('bob'), { message: 'no' })
    begun[0]!.reject(new Error('no'))
    await failed
    const controller = new AbortController()
    const gaveUp = assert.rejects(to('bob', controller.signal), { message: 'enough' })
    controller.abort(new Error('enough'))
    await gaveUp
    assert.equal(begun[1]!.signal.aborted, true)
    const third = to('bob')
    begun[2]!.resolve()
    await third
    await settled()
    assert.equal(dials.running, 0)
  })

  it('go on for the others when one gives up', async () => {
    const { to, begun } = dialling()
    const controller = new AbortController()
    const gaveUp = assert.rejects(to('bob', controller.signal), { message: 'enough' })
    const other = to('bob')
    controller.abort(new Error('enough'))
    await gaveUp
    assert.equal(begun[0]!.signal.aborted, false)
    begun[0]!.resolve()
    await other
  })

  it(`are ${MAX_DIALS} at once: who is more waits in line, and leaves it with its caller`, async () => {
    const { to, begun, dials } = dialling()
    const all = Array.from({ length: MAX_DIALS }, (_, i) => to(`${i}`))
    const impatient = new AbortController()
    const left = assert.rejects(to('impatient', impatient.signal), { message: 'enough' })
    const next = to('next')
    const last = to('last')
    assert.deepEqual([begun.length, dials.running], [MAX_DIALS, MAX_DIALS])
    impatient.abort(new Error('enough'))
    await left
    begun[0]!.resolve()
    await all[0]
    await settled()
    assert.deepEqual([begun.at(-1)!.peer, dials.running], ['next', MAX_DIALS])
    for (const { resolve } of begun) resolve()
    await Promise.all([...all, next])
    await settled()
    begun.at(-1)!.resolve()
    await last
    await settled()
    assert.deepEqual([begun.length, dials.running], [MAX_DIALS + 2, 0])
  })
})
