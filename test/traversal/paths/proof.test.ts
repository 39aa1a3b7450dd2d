import assert from 'node:assert/strict'
import test from 'node:test'
import type { Path } from '../../../src/socket/path.ts'
import { TRUST } from '../../../src/traversal/paths/choose.ts'
import { Keepalives } from '../../../src/traversal/paths/keepalive.ts'
import { SCHEDULES } from '../../../src/traversal/paths/limits.ts'
import { keepTrust } from '../../../src/traversal/paths/trust.ts'
import { knownPath } from './choosable.ts'
import { twoNats, World } from './world.ts'

const MINUTE_MS = 60_000

/** Direct, both sides sending. */
async function busy(world: World, everyMs = 20): Promise<Path> {
  await world.prepare()
  await world.connect()
  await world.advance(5_000)
  for (const side of [world.a, world.b]) side.talk(everyMs)
  await world.advance(5_000)
  const { current } = world.a.agent
  assert.equal(current?.kind, 'direct')
  return current.path
}

/** Packets with the other side's address on them, from somebody who knows no more than that. */
function forge(world: World, from: Path, everyMs: number): void {
  const { clock } = world.sim
  const next = () => {
    world.a.take(new Uint8Array(64).fill(0x43), from)
    clock.after(everyMs, next)
  }
  next()
}

test('forged packets do not keep trust in a busy path that is dead', async () => {
  using world = new World(twoNats())
  const direct = await busy(world)
  forge(world, direct, 100)
  world.sim.setBlockUdp('nb', true)
  const sinceMs = world.sim.clock.now()
  // the last answer may be from just before; the checks that prove it, and the rest of a report
  await world.advance(MINUTE_MS + TRUST.idleGraceMs + 2_000)
  const left = world.a.ofType('path').filter(({ atMs }) => atMs > sinceMs)
  assert.deepEqual(
    left.map(({ to, reason }) => [to.kind, reason]),
    [['relay', 'silent']]
  )
  const arrived = world.b.arrived.size
  await world.advance(1_000)
  assert.ok(world.b.arrived.size - arrived >= 45, 'and packets arrive again')
})

test('a busy path is asked once a minute by each side', async () => {
  using world = new World(twoNats())
  await busy(world, 250)
  const asked = () => world.a.asked + world.b.asked
  const before = asked()
  await world.advance(60 * MINUTE_MS)
  const checks = asked() - before
  // and every five minutes for a better one
  assert.ok(checks >= 2 * 58 && checks <= 2 * 60 + 12, `${checks} checks in an hour`)
  assert.deepEqual(world.a.route, ['relay', 'direct'])
})

test('an idle path is asked by a keepalive, and learned from, whatever the clock makes of fractions', () => {
  const keepalives = new Keepalives()
  keepalives.lifetime.broke(10_220.787)
  for (let i = 0; i < 1_000; i++) {
    const heardAtMs = 40_000.1 + i * 7.3
    const known = knownPath({ heardAtMs, answeredAtMs: heardAtMs, validatedAtMs: 0 })
    const quietMs = keepalives.quietMs(known)
    assert.equal(keepTrust(known, 'use', keepalives, heardAtMs), heardAtMs + quietMs)
    keepTrust(known, 'use', keepalives, heardAtMs + quietMs)
    assert.equal(known.burst?.schedule, SCHEDULES.keepalive)
  }
})

test('what came after the last check is proved a minute after it, and packets do not end that', () => {
  const known = knownPath({ heardAtMs: 59_000, answeredAtMs: 0, requestedAtMs: 0, validatedAtMs: 0 })
  assert.equal(keepTrust(known, 'use', new Keepalives(), 59_000), MINUTE_MS)
  keepTrust(known, 'use', new Keepalives(), MINUTE_MS)
  assert.equal(known.burst?.schedule, SCHEDULES.later)
})
