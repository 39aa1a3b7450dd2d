import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../../src/core/clock.ts'
import { AGREEMENT, Agreement } from '../../../src/traversal/link/agreement.ts'
import { RUN } from '../../../src/traversal/run.ts'
import type { Technique } from '../../../src/traversal/technique.ts'
import { birthday } from '../../../src/traversal/techniques/birthday.ts'
import { BUILT_IN } from '../../../src/traversal/techniques/index.ts'
import { type PathMessage, pathMessageCodec } from '../../../src/wire/path.ts'
import { MAX_START_MS } from '../../../src/wire/plan.ts'
import { between } from './places.ts'
import type { Side } from './side.ts'
import { World, type WorldOptions } from './world.ts'

/** Agrees, and then does nothing. */
const idle: Technique = { ...birthday, attempt: () => new Promise(() => {}) }

/** What takes both sides: the one that is dialled has random ports. */
async function stage(options: WorldOptions = {}): Promise<World> {
  const world = new World(between('home', 'random per port'), options)
  await world.prepare()
  return world
}

const isDirect = ({ a, b }: World) => a.directMs != null && b.directMs != null
const isTried =
  ({ a }: World, technique = 'birthday') =>
  () =>
    a.outcomes(technique).length > 0
const without = (name: string) => BUILT_IN.filter(each => each.name !== name)
const instead = (technique: Technique) => [...without(technique.name), technique]
const plans = ({ a }: World) => a.saidOf('PLAN').map(({ round, steps }) => [round, steps.map(each => each.technique)])

describe('what takes both sides is agreed on', () => {
  it('once, where both know all from the offers: with the first message on the path stream', async () => {
    using world = await stage()
    await world.connect()
    assert.ok(await world.until(() => isDirect(world), 10_000))
    await world.advance(1_000)
    assert.deepEqual(plans(world), [[1, ['birthday']]])
    assert.deepEqual(world.b.saidOf('AGREE'), [{ type: 'AGREE', round: 1, takes: ['birthday'], refuses: [] }])
    assert.deepEqual(world.a.outcomes('birthday'), ['ok connected'])
    assert.deepEqual(world.b.outcomes('birthday'), ['ok connected'])
  })

  for (const late of ['a', 'b'] as const) {
    it(`when ${late} has come to know its network, and not before`, async () => {
      using world = await stage()
      const { value } = world[late].summary
      world[late].summary.set(undefined)
      await world.connect()
      await world.advance(3_000)
      assert.deepEqual(plans(world), [])
      assert.deepEqual(world.a.outcomes('birthday'), [], 'a report may still come')
      world[late].summary.set(value)
      const knownMs = world.sim.clock.now()
      assert.ok(await world.until(() => isDirect(world), 10_000))
      assert.equal(world[late].saidOf('REPORT').length, 1)
      assert.deepEqual(plans(world), [[1, ['birthday']]])
      // what is cheaper has had its time already
      assert.equal(world.a.saidOf('PLAN')[0]!.steps[0]!.startMs, 0)
      assert.ok(world.sim.clock.now() - knownMs < 3_000)
      assert.deepEqual(world.a.outcomes('birthday'), ['ok connected'])
    })
  }

  it('and is said to have been passed over where no report has come in time', async () => {
    using world = await stage()
    world.a.summary.set(undefined)
    await world.connect()
    await world.advance(10_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['skipped not-known'])
    assert.equal(isTried(world)(), true)
  })

  it('and is not begun where the other side does not know it', async () => {
    using world = await stage({ b: { techniques: without('birthday') } })
    await world.connect()
    await world.until(isTried(world), 30_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['skipped unsupported'])
    assert.equal(world.a.network.bound, 1)
  })

  it('nor where that refuses it, with its reason', async () => {
    using world = await stage({ b: { allowed: ['punch-quic'] } })
    await world.connect()
    await world.until(isTried(world), 30_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['skipped not-allowed'])
  })

  it('nor where that never answers', async () => {
    using world = await stage()
    world.b.mischief = message => (message.type === 'AGREE' ? [] : [message])
    await world.connect()
    assert.ok(await world.until(isTried(world), AGREEMENT.answerMs + 1_000))
    assert.deepEqual(world.a.outcomes('birthday'), ['skipped silent'])
    assert.ok(world.a.attempts.at(-1)!.atMs >= AGREEMENT.answerMs)
  })

  it('nor where the answer is one to another plan', async () => {
    using world = await stage()
    world.b.mischief = message => (message.type === 'AGREE' ? [{ ...message, round: message.round + 1 }] : [message])
    await world.connect()
    await world.until(isTried(world), 30_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['skipped silent'])
  })

  it('and ends where the other side agrees, and then does nothing', async () => {
    using world = await stage({ b: { techniques: instead(idle) } })
    await world.connect()
    await world.until(() => world.a.outcomes('birthday').length > 0 && world.b.outcomes('birthday').length > 0, 30_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['failed silent'])
    assert.deepEqual(world.b.outcomes('birthday'), ['failed hung'])
    assert.deepEqual([world.a.network.open, world.b.network.open], [1, 1])
    assert.deepEqual(world.a.traversal.tried, true)
  })

  it('and what the side that decides never proposes is said to have been passed over', async () => {
    using world = await stage({ a: { techniques: without('birthday') } })
    await world.connect()
    await world.advance(AGREEMENT.answerMs + 5_000)
    assert.deepEqual(world.b.outcomes('birthday'), ['skipped silent'])
    assert.deepEqual(world.b.explain().conclusion.code, 'ports-vary')
  })
})

describe('a plan', () => {
  it('can be sent whatever the clock says, and however long a technique mostly takes', () => {
    const sent: PathMessage[] = []
    const starts = [0, 402.6999, 1_000_000_000]
    new Agreement(message => sent.push(pathMessageCodec.decode(pathMessageCodec.encode(message)))).propose(
      starts.map((startMs, n) => ({ technique: `technique-${n}`, action: 'take', why: 'suits', startMs }))
    )
    const steps = [0, 403, MAX_START_MS].map((startMs, n) => ({ technique: `technique-${n}`, startMs }))
    assert.deepEqual(sent, [{ type: 'PLAN', round: 1, steps }])
  })
})

describe('plans that were not made so', () => {
  /** Counts attempts, and ends them when it is told to. */
  function counting() {
    const begun: AbortSignal[] = []
    const technique: Technique = {
      ...birthday,
      attempt: async ({ signal }) => {
        begun.push(signal)
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
        return { outcome: 'failed', reason: 'aborted' }
      }
    }
    return { begun, technique }
  }
  const plan = (round: number): PathMessage => ({ type: 'PLAN', round, steps: [{ technique: 'birthday', startMs: 0 }] })

  it('are answered again when they come again, and begun once', async () => {
    const { begun, technique } = counting()
    using world = await stage({ b: { techniques: instead(technique) } })
    world.a.mischief = message => (message.type === 'PLAN' ? [message, message, message] : [message])
    await world.connect()
    await world.advance(2_000)
    assert.equal(world.b.saidOf('AGREE').length, 3)
    assert.equal(begun.length, 1)
  })

  it('are passed over when a later one has come', async () => {
    const { begun, technique } = counting()
    using world = await stage({ b: { techniques: instead(technique) } })
    await world.connect()
    await world.advance(2_000)
    world.a.deliver(plan(5))
    await world.advance(200)
    assert.equal(begun.length, 2)
    assert.deepEqual(
      begun.map(({ aborted }) => aborted),
      [true, false],
      'the newest takes the place of the one before'
    )
    world.a.deliver(plan(4))
    await world.advance(200)
    assert.equal(begun.length, 2)
    assert.equal(world.b.saidOf('AGREE').at(-1)!.round, 5)
  })

  it('by the thousand begin a few attempts, one at a time', async () => {
    const { begun, technique } = counting()
    using world = await stage({ b: { techniques: instead(technique) } })
    await world.connect()
    await world.advance(2_000)
    const beforeMs = world.sim.clock.now()
    for (let round = 2; round < 1_002; round++) {
      world.a.deliver(plan(round))
      await world.advance(20)
    }
    const most = AGREEMENT.plans.burst + (world.sim.clock.now() - beforeMs) / AGREEMENT.plans.refillMs + 1
    assert.ok(begun.length <= most, `${begun.length} attempts`)
    assert.equal(begun.filter(({ aborted }) => !aborted).length, 1)
    assert.ok(world.b.saidOf('AGREE').length <= most)
  })

  it('of the side that does not decide are not answered, nor is what nobody asked', async () => {
    using world = await stage()
    await world.connect()
    await world.advance(1_000)
    const { length } = world.a.said
    world.b.deliver(plan(7))
    world.a.deliver({ type: 'AGREE', round: 1, takes: ['birthday'], refuses: [] })
    await world.advance(1_000)
    assert.equal(world.a.saidOf('AGREE').length, 0)
    assert.equal(world.a.said.length, length)
  })

  it('name techniques that nobody knows, and such as are for one side: neither is begun', async () => {
    using world = await stage()
    await world.connect()
    assert.ok(await world.until(() => world.a.saidOf('PLAN').length > 0, 5_000))
    await world.advance(100)
    const count = world.b.attempts.length
    const names = ['no-such-thing', 'punch-quic', 'relay', 'punch-tcp']
    world.a.deliver({ type: 'PLAN', round: 9, steps: names.map(technique => ({ technique, startMs: 0 })) })
    await world.advance(60)
    assert.equal(world.b.attempts.slice(count).filter(({ technique }) => technique !== 'birthday').length, 0)
  })
})

describe('reports and messages without end', () => {
  async function flood(world: World, from: Side, message: (n: number) => PathMessage, count = 1_000): Promise<void> {
    for (let n = 0; n < count; n++) {
      from.deliver(message(n))
      if (n % 10 === 9) await world.advance(10)
    }
    await world.advance(100)
  }

  it('reports are looked at a few times, and plans made of these only', async () => {
    using world = await stage()
    const [real, other] = [world.b.summary.value!, world.a.summary.value!]
    await world.connect()
    await world.advance(5_000)
    const before = world.a.saidOf('PLAN').length
    await flood(world, world.b, n => ({ type: 'REPORT', seq: n + 1, summary: n % 2 === 0 ? other : real }))
    assert.ok(world.a.saidOf('PLAN').length - before <= 9)
    assert.equal(await world.carries(), true)
  })

  it('an old report does not undo a later one', async () => {
    using world = await stage()
    const real = world.b.summary.value!
    world.b.summary.set(undefined)
    await world.connect()
    await world.advance(1_000)
    world.b.deliver({ type: 'REPORT', seq: 7, summary: real })
    await world.advance(100)
    world.b.deliver({ type: 'REPORT', seq: 6, summary: world.a.summary.value! })
    await world.advance(100)
    assert.deepEqual(world.a.traversal.theirs, real)
  })

  it('messages of a technique for nobody, or for another plan, reach nobody', async () => {
    using world = await stage()
    const bytes = new Uint8Array(1_024)
    const nobody = (n: number): PathMessage => {
      return { type: 'TECHNIQUE', technique: n % 2 === 0 ? 'no-such' : 'birthday', round: 2 + (n % 5), bytes }
    }
    world.b.mischief = message => [...Array.from({ length: 32 }, (_, n) => nobody(n)), message]
    world.a.mischief = world.b.mischief
    await world.connect()
    await flood(world, world.b, nobody)
    assert.ok(await world.until(() => isDirect(world), 10_000))
    assert.equal(world.a.route, 'birthday')
  })

  it('of what an attempt does not listen to, little is kept', async () => {
    let heard = 0
    const deaf: Technique = {
      ...birthday,
      attempt: async context => {
        if (context.on !== 'link') throw new Error('not here')
        await sleep(context.clock, 5_000)
        for (;;) {
          await context.hear()
          heard++
        }
      }
    }
    using world = await stage({ a: { techniques: instead(deaf) }, b: { techniques: instead(idle) } })
    await world.connect()
    assert.ok(await world.until(() => world.b.saidOf('AGREE').length > 0, 10_000))
    await flood(world, world.b, () => ({ type: 'TECHNIQUE', technique: 'birthday', round: 1, bytes: Uint8Array.of(1) }))
    await world.until(isTried(world), 20_000)
    assert.deepEqual(world.a.outcomes('birthday'), ['failed hung'])
    assert.equal(heard, 64)
  })

  it('an attempt is over within its time, whatever the other side says', async () => {
    using world = await stage()
    const bytes = Uint8Array.of(0xff, 0xff, 0xff)
    world.b.mischief = message => (message.type === 'TECHNIQUE' ? [{ ...message, bytes }] : [message])
    await world.connect()
    assert.ok(await world.until(isTried(world), RUN.mostMs))
    assert.deepEqual(world.a.outcomes('birthday'), ['failed malformed'])
  })
})
