import assert from 'node:assert/strict'
import test from 'node:test'
import type { Side } from './world.ts'
import { SYMMETRIC, twoNats, World } from './world.ts'

/** Until something is so, in virtual time. */
async function until(world: World, so: () => boolean, maxMs = 60_000): Promise<number> {
  const { clock } = world.sim
  const beganMs = clock.now()
  while (!so()) {
    if (clock.now() - beganMs >= maxMs) assert.fail(`not so after ${maxMs} ms`)
    await clock.advance(5)
  }
  return clock.now() - beganMs
}

async function connected(world: World): Promise<number> {
  await world.prepare()
  const beganMs = world.sim.clock.now()
  await world.connect()
  return beganMs
}

const isDirect = (side: Side) => side.agent.current?.kind === 'direct'

test('two NATs, 40 ms each way: direct for the one 164 ms after it began, for the other when the first packet comes', async () => {
  using world = new World(twoNats())
  const beganMs = await connected(world)
  await world.advance(1_000)
  const directMs = ({ a, b }: World) =>
    [a, b].map(side => side.ofType('use').find(({ path }) => path.kind === 'udp')!.atMs - beganMs)
  assert.deepEqual(directMs(world), [164, 204])
  // packets of the other side are taken as soon as it may send any
  assert.deepEqual(
    [world.a, world.b].map(side => side.ofType('accept').find(({ path }) => path.kind === 'udp')!.atMs - beganMs),
    [102, 124]
  )
  assert.deepEqual(
    world.a.ofType('path').map(({ to, reason }) => [to.kind, to.technique, reason]),
    [
      ['relay', 'relay', 'first'],
      ['direct', 'punch-quic', 'validated']
    ]
  )
  assert.deepEqual(
    world.b.ofType('path').map(({ reason }) => reason),
    ['first', 'nominated']
  )
  const [attempt] = world.a.ofType('attempt')
  assert.deepEqual(
    [attempt?.attempt.technique, attempt?.attempt.outcome, attempt?.attempt.ms],
    ['punch-quic', 'ok', 80]
  )
  assert.ok(world.a.checks.get('11.2.0.10')! <= 12, 'once one is answered no more than needed')
})

test('two symmetric NATs: stays on the relay, says why, and keeps looking', async () => {
  using world = new World(twoNats(SYMMETRIC, SYMMETRIC))
  await connected(world)
  await world.advance(3_000)
  assert.deepEqual(
    world.a.ofType('attempt').map(({ attempt }) => [attempt.outcome, attempt.reason]),
    [['failed', 'no-answer']]
  )
  const before = world.a.checks.get('11.2.0.10')!
  await world.advance(600_000)
  assert.deepEqual(world.a.route, ['relay'])
  const during = world.a.checks.get('11.2.0.10')! - before
  assert.ok(during >= 30 && during < 80, `${during} checks in ten minutes`)
})

test('a NAT that is rebooted: the other path takes over, and the direct one comes back', async () => {
  using world = new World(twoNats())
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  await world.advance(5_000)
  world.sim.flushNat('nb')
  await world.advance(10_000)
  assert.ok(isDirect(world.a) && isDirect(world.b))
})
