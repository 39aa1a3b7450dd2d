import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { Budget } from '../../../src/traversal/link/budget.ts'
import { LinkContext } from '../../../src/traversal/link/context.ts'
import type { TraversalInit } from '../../../src/traversal/link/ground.ts'

function stage() {
  const over = new AbortController()
  const traversal = {
    role: 'controlling',
    peer: 'other side',
    techniques: [],
    clock: new VirtualClock(),
    random: seededRandom(1),
    budget: new Budget(),
    ground: { mainSocket: () => 0, openSocket: async () => 1, closeSocket: () => {}, observe: async () => undefined },
    candidates: () => ({ mine: [], theirs: [] }),
    feed: () => {},
    send: () => {},
    onAttempt: () => {}
  } satisfies TraversalInit
  const context = new LinkContext({
    traversal,
    technique: 'mine',
    round: 1,
    mine: undefined,
    theirs: undefined,
    signal: over.signal,
    sockets: { open: async () => [], release: () => {} }
  })
  return { context, over }
}

const message = (n: number) => Uint8Array.of(n)

describe('what the other side has said', () => {
  it('is heard in its order by those who wait, in theirs', async () => {
    const { context } = stage()
    context.heard(message(1))
    const heard = [context.hear(), context.hear(), context.hear()]
    for (const n of [2, 3, 4]) context.heard(message(n))
    assert.deepEqual(await Promise.all(heard), [message(1), message(2), message(3)])
    assert.deepEqual(await context.hear(), message(4))
  })

  it('is waited for by nobody when the attempt is over', async () => {
    const { context, over } = stage()
    const heard = Promise.allSettled([context.hear(), context.hear()])
    over.abort(new Error('over'))
    assert.deepEqual(
      (await heard).map(each => each.status === 'rejected' && (each.reason as Error).message),
      ['over', 'over']
    )
    await assert.rejects(context.hear(), /over/)
  })
})
