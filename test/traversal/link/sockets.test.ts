import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NatError } from '../../../src/core/errors.ts'
import { BUDGET, Budget } from '../../../src/traversal/link/budget.ts'
import { RUN } from '../../../src/traversal/run.ts'
import type { AttemptResult, LinkAttempt, Technique } from '../../../src/traversal/technique.ts'
import { birthday } from '../../../src/traversal/techniques/birthday.ts'
import { BUILT_IN } from '../../../src/traversal/techniques/index.ts'
import { between } from './places.ts'
import { World, type WorldOptions } from './world.ts'

const FAILED: AttemptResult = { outcome: 'failed', reason: 'no-answer' }
/** No attempt counts as under way. */
const hasAllPlaces = (budget: Budget) => ['one', 'one', 'other'].every(peer => budget.takeAttempt(peer))
const isDirect = ({ a, b }: World) => a.directMs != null && b.directMs != null

/** A technique of a user's, on the side that has dialled. */
function mine(attempt: (context: LinkAttempt) => Promise<AttemptResult>): Technique {
  return {
    name: 'mine',
    cost: 1,
    typicalMs: 100,
    sides: 'one',
    fits: () => ({ fits: true, why: 'suits' }),
    attempt: context => {
      if (context.on !== 'link') throw new Error('not here')
      return attempt(context)
    }
  }
}

async function stage(technique: Technique, options: WorldOptions = {}): Promise<World> {
  const techniques = [...BUILT_IN.filter(({ name }) => name !== technique.name), technique]
  const world = new World(between('home', 'random per port'), { ...options, a: { ...options.a, techniques } })
  await world.prepare()
  return world
}

describe("a user's technique", () => {
  const bad: Readonly<Record<string, [(context: LinkAttempt) => Promise<AttemptResult>, string]>> = {
    throws: [
      () => {
        throw new Error('on purpose')
      },
      'failed crashed'
    ],
    rejects: [() => Promise.reject(new Error('on purpose')), 'failed crashed'],
    'rejects with nothing': [() => Promise.reject(undefined), 'failed crashed'],
    'never ends': [() => new Promise(() => {}), 'failed hung'],
    'answers nonsense': [async () => ({ outcome: 'splendid' }) as unknown as AttemptResult, 'failed crashed'],
    'says too much': [
      async context => {
        for (;;) context.say(Uint8Array.of(1))
      },
      'failed limit'
    ],
    'says what is too long': [
      async context => {
        context.say(new Uint8Array(1_025))
        return FAILED
      },
      'failed crashed'
    ],
    'wants too many sockets': [
      async context => {
        for (;;) if ((await context.openSockets(64, 4)).length === 0) return FAILED
      },
      'failed limit'
    ],
    'leaves its sockets open': [
      async context => {
        await context.openSockets(16, 4)
        return FAILED
      },
      'failed no-answer'
    ],
    'opens sockets and hangs': [
      async context => {
        await context.openSockets(16, 4)
        return new Promise(() => {})
      },
      'failed hung'
    ]
  }
  for (const [what, [attempt, outcome]] of Object.entries(bad)) {
    it(`that ${what} is an attempt with its reason, and keeps nobody from anything`, async () => {
      using world = await stage(mine(attempt))
      await world.connect()
      await world.until(() => world.a.outcomes('mine').length > 0, RUN.mostMs)
      const [first] = world.a.outcomes('mine')
      // the path that birthday finds meanwhile stops one that hangs
      assert.equal(first, outcome.endsWith('hung') ? 'skipped already-direct' : outcome)
      await world.until(() => isDirect(world), 60_000)
      assert.equal(world.a.route, 'birthday')
      await world.advance(2_000)
      assert.deepEqual([world.a.network.open, world.a.budget.sockets], [1, 0])
      assert.equal(hasAllPlaces(world.a.budget), true, 'no attempt counts as under way')
    })
  }

  it('that hangs where nothing else works either is over in time, and its sockets are closed', async () => {
    using world = await stage(
      mine(async context => {
        await context.openSockets(16, 4)
        return new Promise(() => {})
      }),
      { a: { allowed: ['mine'] } }
    )
    await world.connect()
    await world.advance(RUN.leastMs - 100)
    assert.equal(world.a.network.open, 17)
    await world.advance(1_000)
    assert.deepEqual(world.a.outcomes('mine'), ['failed hung'])
    assert.deepEqual([world.a.network.open, world.a.budget.sockets], [1, 0])
  })

  it('has no effect any more when it is over', async () => {
    let late: LinkAttempt | undefined
    using world = await stage(
      mine(async context => {
        late = context
        return FAILED
      }),
      { a: { allowed: ['mine'] } }
    )
    await world.connect()
    await world.until(() => world.a.outcomes('mine').length > 0, 10_000)
    const { sent } = world.a.network
    assert.equal(late!.probe(world.a.main, { address: world.b.host.publicIp, port: 5_000 }), false)
    late!.say(Uint8Array.of(1))
    late!.addTarget({ address: world.b.host.publicIp, port: 5_000 })
    assert.equal(await late!.observe(world.a.main), undefined)
    await assert.rejects(late!.openSockets(1, 4), { code: 'LIMIT' })
    await assert.rejects(late!.hear(), NatError)
    void late!.checkPairs()
    await world.advance(200)
    assert.deepEqual(world.a.saidOf('TECHNIQUE'), [])
    assert.ok(world.a.network.sent - sent <= 2)
    assert.equal(world.a.network.open, 1)
  })
})

describe('sockets and shares', () => {
  it('of a thousand attempts nothing is left', async () => {
    using world = await stage(
      mine(async context => {
        await context.openSockets(4, 4)
        // every other one is still at it when the next one begins
        return world.a.network.bound % 8 < 4 ? FAILED : new Promise(() => {})
      }),
      { a: { allowed: ['mine'] } }
    )
    await world.connect()
    await world.advance(500)
    for (let n = 0; n < 1_000; n++) {
      world.a.paths.feed({ type: 'network-changed' })
      await world.advance(n % 3 === 0 ? 0 : 150)
    }
    assert.ok(world.a.network.bound > 1_000)
    world.a.close()
    await world.advance(1_000)
    assert.deepEqual([world.a.network.open, world.a.budget.sockets], [1, 0])
    assert.equal(hasAllPlaces(world.a.budget), true)
  })

  it('a link that ends in the middle of an attempt leaves none, whenever that is', async () => {
    for (let atMs = 220; atMs < 1_200; atMs += 70) {
      using world = new World(between('random per port', 'home'))
      await world.prepare()
      await world.connect()
      await world.advance(atMs)
      assert.equal(await world.leftovers(), 0)
      assert.deepEqual([world.a.network.open, world.a.budget.sockets], [1, 0], `ended after ${atMs} ms`)
      assert.equal(world.b.network.open, 1)
    }
  })

  it('that the system does not give are not waited for, and the attempt says so', async () => {
    using world = new World(between('random per port', 'home'))
    await world.prepare()
    world.a.network.maxSockets = 1
    await world.connect()
    await world.until(() => world.a.outcomes('birthday').length > 0, 30_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['failed limit'])
    assert.equal(world.a.budget.sockets, 0)
  })

  it('three attempts that probe go on at once; the next one is told to try later', async () => {
    using world = await stage(birthday)
    for (const peer of ['one', 'one', 'other']) assert.equal(world.a.budget.takeAttempt(peer), true)
    await world.connect()
    await world.until(() => world.a.outcomes('birthday').length > 0, 30_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['failed limit'])
    world.a.budget.giveAttempt('other')
    assert.ok(await world.until(() => isDirect(world), 60_000), 'when there is room, it is')
  })

  it('one peer has attempts that probe, and others find a place beside them', () => {
    const budget = new Budget()
    const taken = ['greedy', 'greedy', 'greedy', 'modest', 'third'].map(peer => budget.takeAttempt(peer))
    assert.deepEqual(taken, [true, true, false, true, false])
    budget.giveAttempt('greedy')
    assert.equal(budget.takeAttempt('third'), true)
  })

  it('a host hears no more of a node than its share, and that does not cost others theirs', () => {
    const budget = new Budget()
    const take = (host: string, nowMs: number) => {
      let count = 0
      while (budget.takeProbe(host, nowMs)) count++
      return count
    }
    assert.equal(take('victim', 0), BUDGET.perHost.burst)
    assert.equal(take('victim', 15_000), 100)
    assert.equal(take('other', 15_000), BUDGET.perHost.burst)
  })

  it('what does not leave because the node has sent enough costs the host nothing of its share', () => {
    const budget = new Budget()
    for (let n = 0; n < BUDGET.inAll.burst; n++) assert.ok(budget.takeProbe(`host ${n % 100}`, 0))
    for (let n = 0; n < 1_000; n++) assert.ok(!budget.takeProbe('late', 0))
    const laterMs = BUDGET.inAll.burst * BUDGET.inAll.refillMs
    // all that the node may send has come back by then; of a thousand of a host's share only half would have
    let count = 0
    while (budget.takeProbe('late', laterMs)) count++
    assert.equal(count, BUDGET.perHost.burst)
  })
})
