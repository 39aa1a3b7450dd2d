import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NatError } from '../../../src/core/errors.ts'
import type { SocketId } from '../../../src/socket/path.ts'
import { BUDGET, Budget } from '../../../src/traversal/link/budget.ts'
import { TechniqueSockets } from '../../../src/traversal/link/sockets.ts'
import type { AgentInput } from '../../../src/traversal/paths/api.ts'

const PEER = 'other side'

/** A system that gives so many sockets, each when the test lets it. */
function stage({ atMost = 1_024, waits = false } = {}) {
  const budget = new Budget()
  const open = new Set<SocketId>()
  const told: SocketId[][] = []
  const { promise: gate, resolve: letGo } = Promise.withResolvers<void>()
  let bound = 0
  const ground = {
    mainSocket: () => 0,
    openSocket: async () => {
      const socket = ++bound
      if (socket > atMost) throw new NatError('NO_NETWORK', 'the system has no more')
      if (waits) await gate
      open.add(socket)
      return socket
    },
    closeSocket: (socket: SocketId) => void open.delete(socket),
    observe: async () => undefined
  }
  const feed = (input: AgentInput) => {
    if (input.type === 'technique-sockets') told.push([...input.sockets])
  }
  return { sockets: new TechniqueSockets({ ground, budget, peer: PEER, feed }), budget, open, told, letGo }
}

describe('sockets of a technique', () => {
  it('are told once for all that were opened together', async () => {
    const { sockets, told } = stage()
    const attempt = sockets.ofAttempt('mine')
    const first = await attempt.open(32, 4)
    const second = await attempt.open(32, 4)
    assert.deepEqual(told, [first, [...first, ...second]])
    assert.equal(new Set(told[1]).size, 64)
  })

  it('are as many as there may be, and then none', async () => {
    const { sockets, budget, told } = stage()
    const attempt = sockets.ofAttempt('mine')
    assert.equal((await attempt.open(1_000_000_000, 4)).length, BUDGET.socketsPerPeer)
    assert.equal(budget.sockets, BUDGET.socketsPerPeer)
    await assert.rejects(attempt.open(1, 4), { code: 'LIMIT' })
    assert.deepEqual(await attempt.open(0, 4), [])
    assert.equal(told.length, 1)
  })

  it('are those that the system gives; where it gives none, that says why', async () => {
    const { sockets, budget } = stage({ atMost: 3 })
    const attempt = sockets.ofAttempt('mine')
    assert.deepEqual(await attempt.open(8, 4), [1, 2, 3])
    assert.equal(budget.sockets, 3)
    await assert.rejects(attempt.open(8, 4), { code: 'NO_NETWORK' })
    assert.equal(budget.sockets, 3)
  })

  const ends = {
    'the attempt': (attempt: { release(): void }) => attempt.release(),
    'the link': (_: unknown, sockets: TechniqueSockets) => sockets.close()
  }
  for (const [what, end] of Object.entries(ends)) {
    it(`that come when ${what} is over are closed at once`, async () => {
      const { sockets, budget, open, letGo } = stage({ waits: true })
      const attempt = sockets.ofAttempt('mine')
      const opening = attempt.open(4, 4)
      end(attempt, sockets)
      letGo()
      await assert.rejects(opening, { code: 'LINK_CLOSED' })
      await assert.rejects(attempt.open(4, 4), { code: 'LINK_CLOSED' })
      assert.deepEqual([open.size, budget.sockets], [0, 0])
    })
  }
})
