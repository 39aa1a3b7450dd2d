import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TechniqueName } from '../../../src/traversal/attempt.ts'
import { BUDGET } from '../../../src/traversal/link/budget.ts'
import type { Experience } from '../../../src/traversal/link/ground.ts'
import { between } from './places.ts'
import { World, type WorldOptions } from './world.ts'

const isDirect = ({ a, b }: World) => [a, b].every(side => side.paths.history.changes.at(-1)?.kind === 'direct')

async function stage(...[a, b, options = {}]: [...Parameters<typeof between>, WorldOptions?]): Promise<World> {
  const world = new World(between(a, b), options)
  await world.prepare()
  return world
}

/** Remembers one thing, whatever the networks are. */
class Memory implements Experience {
  worked: TechniqueName | undefined
  forgotten = 0

  recall(): TechniqueName | undefined {
    return this.worked
  }

  remember(_mine: unknown, _theirs: unknown, technique: TechniqueName): void {
    this.worked = technique
  }

  forget(): void {
    this.worked = undefined
    this.forgotten++
  }
}

/** Nothing gets from one side to the other; hubs are reached. */
function separate({ a, b, hub }: World): void {
  for (const side of [a, b]) side.network.loses = ({ address }) => !hub.ips.includes(address)
}

describe('when there is a direct path', () => {
  it('all else ends at once, and what has found it says so', async () => {
    using world = await stage('sequential per port', 'home')
    await world.connect()
    await world.until(() => isDirect(world), 10_000)
    const atMs = world.sim.clock.now()
    await world.until(() => world.a.isTried && world.b.isTried, 10_000)
    assert.ok(world.sim.clock.now() - atMs <= 200)
    for (const side of [world.a, world.b]) {
      assert.deepEqual(side.outcomes('predict'), ['ok connected'])
      const rest = side.attempts.filter(({ outcome }) => outcome === 'failed')
      assert.deepEqual(rest, [])
    }
  })

  it('what waits for its turn is passed over', async () => {
    using world = await stage('home', 'home')
    // as far as they know a punch may work, and after it there is something to guess
    const random = { mapping: 'address-and-port-dependent', allocation: 'random' } as const
    const [mine, theirs] = [world.a.summary.value!, world.b.summary.value!]
    world.a.summary.set({ ...mine, udp4: { ...mine.udp4, filtering: null } })
    world.b.summary.set({ ...theirs, udp4: { ...theirs.udp4, ...random } })
    await world.connect()
    await world.until(() => isDirect(world), 10_000)
    await world.advance(2_000)
    assert.equal(world.a.route, 'punch-quic')
    assert.equal(world.a.network.bound, 1)
    assert.deepEqual(world.a.saidOf('PLAN')[0]?.steps, [{ technique: 'birthday', startMs: 2_000 }])
    assert.deepEqual(world.a.outcomes('birthday'), ['skipped already-direct'])
  })
})

describe('when a direct path is lost', () => {
  it('another one is looked for, and first by what worked', async () => {
    const memories = [new Memory(), new Memory()] as const
    using world = await stage('random per port', 'home', {
      a: { experience: memories[0] },
      b: { experience: memories[1] }
    })
    await world.connect()
    await world.until(() => isDirect(world), 10_000)
    await world.advance(1_000)
    assert.deepEqual(
      memories.map(({ worked }) => worked),
      ['birthday', 'birthday']
    )
    const [first] = world.a.saidOf('PLAN')
    assert.deepEqual(first?.steps, [{ technique: 'birthday', startMs: 0 }])
    world.sim.down('a0')
    assert.ok(await world.until(() => world.a.route === 'relay' && world.b.route === 'relay', 120_000))
    assert.ok(await world.carries())
    // their NATs have forgotten them meanwhile
    for (const router of ['a0', 'b0']) world.sim.flushNat(router)
    await world.advance(2_000)
    world.sim.up('a0')
    assert.ok(await world.until(() => isDirect(world), 180_000))
    assert.deepEqual([world.a.route, world.b.route], ['birthday', 'birthday'])
    assert.ok(await world.carries())
    await world.advance(1_000)
    assert.ok(world.a.network.open <= 4, `${world.a.network.open} sockets are open`)
    assert.equal(world.a.budget.sockets, world.a.network.open - 1)
  })

  it('its socket is closed', async () => {
    using world = await stage('random per port', 'home')
    await world.connect()
    await world.until(() => isDirect(world), 10_000)
    await world.advance(1_000)
    assert.ok(world.a.network.open > 1)
    separate(world)
    assert.ok(await world.until(() => world.a.route === 'relay', 120_000))
    await world.advance(600_000)
    assert.deepEqual([world.a.network.open, world.a.budget.sockets], [1, 0])
    assert.deepEqual([world.b.network.open, world.b.budget.sockets], [1, 0])
  })

  it('what worked before, and does not this time, is forgotten', async () => {
    const memory = new Memory()
    memory.worked = 'predict'
    using world = await stage('home', 'random per port', { a: { experience: memory } })
    separate(world)
    await world.connect()
    await world.until(() => world.a.isTried, 60_000)
    assert.equal(memory.forgotten, 0, 'it does not suit these networks, so it was not tried')
    memory.worked = 'birthday'
    await world.advance(60_000)
    assert.equal(memory.forgotten, 1)
  })
})

describe('when our network changes', () => {
  const spec = {
    ...between('random per port', 'home'),
    na2: { mapping: 'endpoint-independent', link: { delayMs: 20 } },
    a2: { behind: 'na2' }
  } as const

  it('attempts of the old one end, and the new one is looked at anew', async () => {
    using world = new World(spec)
    await world.prepare()
    await world.connect()
    // in the middle of an attempt
    assert.ok(await world.until(() => world.a.network.open > 200, 10_000))
    const { a } = world
    await a.network.moveTo(world.sim.host('a2'))
    a.paths.feed({ type: 'network-changed' })
    a.summary.set(undefined)
    await world.advance(150)
    assert.equal(a.network.open, 1)
    assert.equal(a.outcomes('birthday').at(-1), 'skipped aborted')
    const host = world.sim.host('a2')
    a.candidates.set(await world.seen(a, host))
    a.summary.set(await world.examined(a, host))
    assert.ok(await world.until(() => isDirect(world), 20_000))
    assert.deepEqual([a.route, world.b.route], ['punch-quic', 'punch-quic'])
    assert.equal(await world.leftovers(), 0)
  })

  it('from one where a punch works to one of random ports, too', async () => {
    using world = new World({
      ...between('home', 'home'),
      na2: { mapping: 'address-and-port-dependent', allocation: 'random', link: { delayMs: 20 } },
      a2: { behind: 'na2' }
    })
    await world.prepare()
    await world.connect()
    assert.ok(await world.until(() => isDirect(world), 10_000))
    const { a } = world
    await a.network.moveTo(world.sim.host('a2'))
    a.paths.feed({ type: 'network-changed' })
    a.summary.set(undefined)
    const host = world.sim.host('a2')
    await world.advance(1_000)
    a.candidates.set(await world.seen(a, host))
    a.summary.set(await world.examined(a, host))
    assert.ok(await world.until(() => a.route === 'birthday' && world.b.route === 'birthday', 90_000))
    assert.ok(await world.carries())
  })
})

describe('while there is no direct path', () => {
  it('what takes both sides is tried again, ever more rarely, and politely', async t => {
    using world = await stage('home', 'random per port')
    separate(world)
    await world.connect()
    const { a, b } = world
    const before = [a.network.sent, b.network.sent]
    const rounds = () => a.saidOf('PLAN').map(({ round }) => round)
    await world.advance(60_000)
    assert.deepEqual(rounds(), [1, 2])
    await world.advance(3_540_000)
    assert.deepEqual(rounds(), [1, 2, 3, 4])
    const packets = [a, b].map((side, index) => side.network.sent - before[index]!)
    t.diagnostic(`${packets} packets in an hour`)
    // the first attempt whole, and all others as far as a host's share has come back
    const most = BUDGET.perHost.burst + 3_600_000 / BUDGET.perHost.refillMs
    assert.ok(packets[0]! < most / 2 && packets[1]! < 4 * 256 + 2_000, `${packets} packets`)
    assert.deepEqual([a.network.open, b.network.open], [1, 1])
    await world.advance(3 * 3_600_000)
    assert.deepEqual(rounds(), [1, 2, 3, 4, 5, 6, 7])
    assert.equal(await world.leftovers(), 0)
  })

  it('what did not suit the networks, as far as was known, and does now, is checked again', async () => {
    using world = await stage('home', 'home')
    const real = world.b.summary.value!
    separate(world)
    await world.connect()
    await world.advance(1_000)
    world.b.summary.set({ ...real, udp4: { ...real.udp4, ok: false, mapping: null, filtering: null } })
    await world.advance(10_000)
    assert.equal(world.a.traversal.plan.steps.find(({ technique }) => technique === 'punch-quic')?.why, 'no-udp')
    for (const side of [world.a, world.b]) side.network.loses = () => false
    await world.advance(20_000)
    assert.equal(world.a.route, 'relay')
    world.b.summary.set(real)
    assert.ok(await world.until(() => isDirect(world), 2_000))
    assert.deepEqual([world.a.route, world.b.route], ['punch-quic', 'punch-quic'])
  })

  it('and works when that has become possible', async () => {
    using world = await stage('home', 'random per port')
    separate(world)
    await world.connect()
    await world.advance(100_000)
    assert.equal(world.a.route, 'relay')
    for (const side of [world.a, world.b]) side.network.loses = () => false
    assert.ok(await world.until(() => isDirect(world), 300_000))
    assert.equal(world.a.route, 'birthday')
  })
})
