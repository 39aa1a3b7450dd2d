import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { sleep, VirtualClock } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { ForeignTraversal } from '../../src/node/foreign-traversal.ts'
import type { Attempt } from '../../src/traversal/attempt.ts'
import type { AttemptContext, AttemptResult, Technique } from '../../src/traversal/technique.ts'
import { BUILT_IN } from '../../src/traversal/techniques/index.ts'

const PEER = peerIdFromString('12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD')
const PUNCHED: Attempt = { technique: 'punch-quic', outcome: 'ok', reason: 'connected', ms: 80 }
const REFUSED: Attempt = { technique: 'punch-quic', outcome: 'failed', reason: 'no-answer', ms: 900, detail: 'nothing' }

interface Scene {
  readonly techniques?: readonly Technique[]
  readonly upgrade?: readonly Attempt[]
  readonly upgradeMs?: number
  readonly allowed?: ReadonlySet<string>
}

function stage({ techniques = BUILT_IN, upgrade = [], upgradeMs = 100, allowed }: Scene) {
  const clock = new VirtualClock()
  const told: Attempt[] = []
  const dialled: string[] = []
  let upgrades = 0
  const direct = new AbortController()
  const over = new AbortController()
  const traversal = new ForeignTraversal({
    peer: PEER,
    techniques,
    allowed,
    mine: undefined,
    clock,
    random: seededRandom(1),
    upgrade: async signal => {
      upgrades++
      await sleep(clock, upgradeMs, signal)
      return upgrade
    },
    dial: async address => {
      dialled.push(String(address))
      return {
        status: 'closed',
        newStream: () => Promise.reject(new Error('gone')),
        abort: () => {}
      } as unknown as Connection
    },
    onAttempt: attempt => told.push(attempt),
    direct: direct.signal,
    signal: over.signal
  })
  const brief = () => told.map(({ technique, outcome, reason }) => `${technique} ${outcome} ${reason}`).toSorted()
  return { clock, told, brief, traversal, direct, over, dialled, upgrades: () => upgrades }
}

const mine = (attempt: (context: AttemptContext) => Promise<AttemptResult>): Technique => ({
  name: 'mine',
  cost: 1,
  typicalMs: 100,
  sides: 'one',
  fits: () => ({ fits: true, why: 'suits' }),
  attempt
})

describe('to a peer of another kind', () => {
  it('one plan, in which DCUtR does what it can, once, and what takes a node of ours is passed over', async () => {
    const { clock, traversal, brief, upgrades } = stage({ upgrade: [REFUSED] })
    await clock.advance(5_000)
    await traversal.ended
    assert.equal(upgrades(), 1)
    const named = traversal.plan.steps.map(({ technique }) => technique).toSorted()
    assert.deepEqual(named, BUILT_IN.map(({ name }) => name).toSorted())
    // what DCUtR has tried it tells itself
    assert.deepEqual(brief(), [
      'birthday skipped needs-link',
      'direct skipped needs-link',
      'local skipped needs-link',
      'predict skipped needs-link',
      'punch-tcp skipped needs-link',
      'relay ok connected',
      'reverse skipped needs-link'
    ])
    assert.equal(traversal.tried, true)
    assert.equal(clock.pending, 0)
  })

  it('a direct connection ends it', async () => {
    const { clock, traversal, brief, direct } = stage({ upgrade: [PUNCHED] })
    await clock.advance(50)
    direct.abort()
    await clock.advance(5_000)
    await traversal.ended
    assert.ok(brief().includes('reverse skipped already-direct'), brief().join())
    assert.ok(!brief().some(each => each.startsWith('punch-quic failed')))
  })

  it('a technique of its own dials, and whoever answers has to be that peer', async () => {
    const results: AttemptResult[] = []
    const technique = mine(async context => {
      assert.equal(context.on, 'foreign')
      if (context.on !== 'foreign') throw new Error('a link')
      const result = await context.dial('/ip4/10.1.2.3/tcp/4001')
      results.push(result)
      return result
    })
    const { clock, traversal, brief, dialled } = stage({ techniques: [technique] })
    await clock.advance(10_000)
    await traversal.ended
    assert.deepEqual(dialled, [`/ip4/10.1.2.3/tcp/4001/p2p/${PEER}`])
    assert.deepEqual(brief(), ['mine failed unproven'])
  })

  it('an address that is none is the fault of the technique, and ends nothing else', async () => {
    const technique = mine(context => (context as Extract<AttemptContext, { on: 'foreign' }>).dial('example.org:4001'))
    const { clock, told, traversal } = stage({ techniques: [...BUILT_IN, technique], upgrade: [REFUSED] })
    await clock.advance(5_000)
    await traversal.ended
    const its = told.find(attempt => attempt.technique === 'mine')
    assert.equal(its?.reason, 'crashed')
    assert.match(its?.detail ?? '', /example\.org:4001/)
    assert.ok(told.some(({ technique }) => technique === 'relay'))
  })

  it('an upgrade that takes long is waited for', async () => {
    const { clock, traversal, brief } = stage({ upgrade: [REFUSED], upgradeMs: 40_000 })
    await clock.advance(41_000)
    await traversal.ended
    assert.ok(!brief().some(each => each.includes('hung')), brief().join())
  })

  it('the end of the last connection ends it', async () => {
    const { clock, traversal, brief, over } = stage({ upgradeMs: 40_000 })
    await clock.advance(1_000)
    over.abort()
    await clock.advance(1_000)
    await traversal.ended
    assert.ok(brief().includes('punch-quic skipped aborted'), brief().join())
    assert.equal(clock.pending, 0)
  })
})
