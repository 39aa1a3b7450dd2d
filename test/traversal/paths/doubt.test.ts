import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import type { Path } from '../../../src/socket/path.ts'
import { type Side, SYMMETRIC, twoNats, World } from './world.ts'

/** A report in which something still came, the next one, and TRUST's second and a half; then the relayed way to the other side. */
const LEFT_MS = 500 + 500 + 1_500 + 100
const TCP = 7

const nameOf = (path: Path | undefined) => (path?.kind === 'pipe' ? path.pipe : path?.kind)
const pathsOf = (side: Side, sinceMs: number) =>
  side
    .ofType('path')
    .filter(({ atMs }) => atMs > sinceMs)
    .map(({ to }) => nameOf(to.path))
const alsoOf = (side: Side, sinceMs: number) =>
  side
    .ofType('use')
    .filter(({ atMs, also }) => atMs > sinceMs && also != null)
    .map(({ also }) => nameOf(also))
const idOf = (side: Side) => nameOf(side.agent.current?.path)

async function until(world: World, so: () => boolean, maxMs: number): Promise<number> {
  const { clock } = world.sim
  const beganMs = clock.now()
  while (!so()) {
    if (clock.now() - beganMs >= maxMs) assert.fail(`not so after ${maxMs} ms`)
    await clock.advance(5)
  }
  return clock.now() - beganMs
}

/** Direct by UDP, with a punched TCP connection beside it, and the relay idle for a minute. */
async function withTcp(world: World): Promise<number> {
  await world.prepare()
  await world.connect()
  await world.advance(1_000)
  world.attach(TCP, 40, 'tcp')
  await world.advance(60_000)
  for (const side of [world.a, world.b]) side.talk(20)
  await world.advance(5_000)
  assert.deepEqual([idOf(world.a), idOf(world.b), world.a.agent.paths().length], ['udp', 'udp', 3])
  return world.sim.clock.now()
}

function longestStall(side: Side): number {
  const times = [...side.arrived.values()].slice(-1_000)
  return Math.max(...times.slice(1).map((ms, i) => ms - times[i]!))
}

test('UDP and TCP die together: straight to the relay, which carries packets as soon as there is doubt', async () => {
  using world = new World(twoNats())
  const sinceMs = await withTcp(world)
  world.sim.setBlockUdp('nb', true)
  world.pipes.get(TCP)!.dead = true
  const leftMs = await until(world, () => idOf(world.a) === 0 && idOf(world.b) === 0, LEFT_MS)
  for (const side of [world.a, world.b]) {
    assert.deepEqual(pathsOf(side, sinceMs), [0], `${side.name} after ${leftMs} ms`)
    assert.deepEqual([...new Set(alsoOf(side, sinceMs))], [0])
    assert.equal(side.ofType('want-relay').length, 0)
    assert.ok(longestStall(side) <= 1_300, `${longestStall(side)} ms`)
  }
  await world.advance(20_000)
  assert.deepEqual(pathsOf(world.a, sinceMs), [0])
})

test('UDP dies alone: TCP carries packets once it has answered, and is the next', async () => {
  using world = new World(twoNats())
  const sinceMs = await withTcp(world)
  world.sim.setBlockUdp('nb', true)
  await until(world, () => idOf(world.a) === TCP && idOf(world.b) === TCP, LEFT_MS)
  assert.deepEqual(pathsOf(world.a, sinceMs), [TCP])
  assert.deepEqual(alsoOf(world.a, sinceMs), [0, TCP])
})

test('two idle relays, and the better one died with the direct path: the other one, without waiting twice', async () => {
  using world = new World(twoNats())
  await world.prepare()
  await world.connect()
  await world.advance(1_000)
  world.attach(1, 90)
  await world.advance(60_000)
  world.a.talk(20)
  world.b.talk(20)
  await world.advance(5_000)
  const sinceMs = world.sim.clock.now()
  world.sim.setBlockUdp('nb', true)
  world.pipes.get(0)!.dead = true
  await until(world, () => idOf(world.a) === 1 && idOf(world.b) === 1, LEFT_MS)
  assert.deepEqual([pathsOf(world.a, sinceMs), pathsOf(world.b, sinceMs)], [[1], [1]])
  assert.ok(longestStall(world.b) <= 1_500, `${longestStall(world.b)} ms`)
})

test('all are silent for a second, and the path in use answers first: the idle ones are trusted as before', async () => {
  using world = new World(twoNats())
  const sinceMs = await withTcp(world)
  world.sim.setBlockUdp('nb', true)
  for (const number of [0, TCP]) world.pipes.get(number)!.dead = true
  await world.advance(1_400)
  assert.ok(alsoOf(world.a, sinceMs).length > 0, 'there was doubt')
  world.sim.setBlockUdp('nb', false)
  await world.advance(1_000)
  const checks = world.a.checks.get('pipe')
  await world.advance(5_000)
  assert.equal(world.a.agent.paths().length, 3)
  assert.equal(world.a.checks.get('pipe'), checks, 'and nobody asks them any more')
  assert.deepEqual([pathsOf(world.a, sinceMs), pathsOf(world.b, sinceMs)], [[], []])
})

test('a slow path is in doubt late: a fast relay has its time to answer nevertheless', async () => {
  using world = new World(twoNats({ link: { delayMs: 250 } }, { link: { delayMs: 250 } }))
  await world.prepare()
  await world.connect()
  await world.advance(60_000)
  world.a.talk(20)
  await world.advance(5_000)
  assert.equal(idOf(world.a), 'udp')
  const sinceMs = world.sim.clock.now()
  world.sim.setBlockUdp('nb', true)
  // what was under way, two reports, three RTTs, the checks, two RTTs
  let distrusted = false
  const left = () => {
    distrusted ||= !world.a.agent.paths().some(({ path }) => nameOf(path) === 0)
    return idOf(world.a) === 0 && idOf(world.b) === 0
  }
  await until(world, left, 1_000 + 1_000 + 3_000 + 500 + 2_000 + 100)
  assert.ok(!distrusted)
  assert.deepEqual(pathsOf(world.a, sinceMs), [0])
  assert.equal(world.a.ofType('want-relay').length, 0)
})

test('the path in use is gone while the link is idle: the next one is asked, and left when it does not answer', async () => {
  using world = new World(twoNats(SYMMETRIC, SYMMETRIC))
  await world.prepare()
  await world.connect()
  await world.advance(1_000)
  const dead = world.attach(1)
  await world.advance(60_000)
  dead.dead = true
  assert.equal(idOf(world.a), 0)
  for (const side of [world.a, world.b]) side.feed({ type: 'pipe-gone', pipe: 0 })
  assert.equal(idOf(world.a), 1)
  await until(world, () => world.a.ofType('want-relay').length > 0, 600)
  await until(world, () => world.a.agent.paths().length === 1 && world.a.also == null, 1_500)
})

test('an hour of jitter and loss, with TCP beside: the path does not change, and the others are seldom asked', async () => {
  const link = { delayMs: 30, jitterMs: 25, lossPercent: 2 }
  using world = new World(twoNats({ link }, { link }))
  await world.prepare()
  await world.connect()
  await world.advance(1_000)
  const random = seededRandom(5)
  world.attach(TCP, 60, 'tcp').mischief = () => [random.int(0, 50)]
  await world.advance(2_000)
  const sinceMs = world.sim.clock.now()
  const before = world.a.checks.get('pipe')!
  world.a.talk(250)
  await world.advance(3_600_000)
  assert.deepEqual([pathsOf(world.a, sinceMs), pathsOf(world.b, sinceMs)], [[], []])
  assert.equal(world.a.agent.paths().length, 3)
  const asked = world.a.checks.get('pipe')! - before
  // keepalives of both sides and answers to them: 2 * (30 + 12)
  assert.ok(asked <= 84, `${asked} an hour`)
})
