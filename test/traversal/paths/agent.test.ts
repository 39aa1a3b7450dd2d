import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import type { SimSpec } from '../../../src/sim/index.ts'
import { KEEPALIVE } from '../../../src/traversal/paths/keepalive.ts'
import type { Side } from './world.ts'
import { SYMMETRIC, twoNats, World } from './world.ts'

/** Until something is so, in virtual time. */
async function until(world: World, so: () => boolean, maxMs = 60_000, stepMs = 5): Promise<number> {
  const { clock } = world.sim
  const beganMs = clock.now()
  while (!so()) {
    if (clock.now() - beganMs >= maxMs) assert.fail(`not so after ${maxMs} ms`)
    await clock.advance(stepMs)
  }
  return clock.now() - beganMs
}

async function connected(world: World): Promise<number> {
  await world.prepare()
  const beganMs = world.sim.clock.now()
  await world.connect()
  return beganMs
}

const DIRECT = ['relay', 'direct']
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
    world.a.ofType('attempt').map(({ attempt }) => [attempt.technique, attempt.outcome, attempt.reason]),
    [
      ['punch-tcp', 'skipped', 'no-own-address'],
      ['direct', 'skipped', 'no-peer-address'],
      ['local', 'skipped', 'no-peer-address'],
      ['reverse', 'skipped', 'no-peer-address'],
      ['punch-quic', 'failed', 'no-answer']
    ]
  )
  const before = world.a.checks.get('11.2.0.10')!
  await world.advance(600_000)
  assert.deepEqual(world.a.route, ['relay'])
  const during = world.a.checks.get('11.2.0.10')! - before
  assert.ok(during >= 30 && during < 80, `${during} checks in ten minutes`)
})

/** The longest time in which nothing arrived that had not arrived before. */
function longestStall(side: Side): number {
  const times = [...side.arrived.values()]
  return Math.max(...times.slice(1).map((ms, i) => ms - times[i]!))
}

const isRelayed = (side: Side) => side.agent.current?.kind === 'relay'

test('a NAT that blocks UDP and then does not: the relay takes over, and the direct path comes back', async () => {
  using world = new World(twoNats())
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  await world.advance(5_000)
  world.sim.setBlockUdp('nb', true)
  const leftMs = await until(world, () => isRelayed(world.a) && isRelayed(world.b))
  // the report of half a second in which something still came, the next one, TRUST's second and a half, and the relayed way to the other side
  assert.ok(leftMs <= 500 + 500 + 1_500 + 100, `left after ${leftMs} ms`)
  assert.deepEqual(world.a.ofType('path').at(-1)!.reason, 'silent')
  // what was sent meanwhile went by the relay too as soon as there was doubt
  assert.ok(longestStall(world.b) <= 1_300, `${longestStall(world.b)} ms`)
  await world.advance(10_000)
  world.sim.setBlockUdp('nb', false)
  await until(world, () => isDirect(world.a) && isDirect(world.b), 15_000)
  assert.deepEqual(world.a.route, ['relay', 'direct', 'relay', 'direct'])
})

test('a NAT that is rebooted while the link is idle: found by the next check, and mended by it', async () => {
  using world = new World(twoNats())
  await connected(world)
  await world.advance(100_000)
  world.sim.flushNat('na')
  world.sim.flushNat('nb')
  await world.advance(200_000)
  assert.ok(isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  await world.advance(2_000)
  assert.ok(world.b.arrived.size > 90 && isDirect(world.a))
})

for (const seconds of [12, 20, 40]) {
  test(`mappings that live for ${seconds} s: after what it takes to learn it, packets arrive whenever they are sent`, async () => {
    const lifetimes = { udpMs: seconds * 1_000, udpStreamMs: seconds * 1_000 }
    using world = new World(twoNats({ lifetimes }, { lifetimes }))
    await connected(world)
    await world.advance(1_800_000)
    const random = seededRandom(seconds)
    const before = world.a.route.length
    let missed = 0
    for (let i = 0; i < 200; i++) {
      await world.advance(random.int(1_000, 60_000))
      const side = i % 2 === 0 ? world.a : world.b
      side.say()
      await world.advance(60)
      if (!side.other.arrived.has(side.seq)) missed++
    }
    // once in many successes it tries whether mappings live longer by now
    assert.ok(missed <= 4, `${missed} of 200 did not arrive`)
    assert.ok(world.a.route.length - before <= 4)
  })
}

test('a path on which the other side hears us no more: each side leaves it by itself', async () => {
  using world = new World(twoNats())
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  world.b.talk(20)
  await world.advance(2_000)
  // what A sends by UDP is lost; what B sends arrives
  world.a.lost = path => path.kind === 'udp'
  await until(world, () => isRelayed(world.a) && isRelayed(world.b), 5_000)
  assert.ok(longestStall(world.b) <= 1_500, `${longestStall(world.b)} ms`)
  await world.advance(120_000)
  assert.deepEqual(world.a.route, ['relay', 'direct', 'relay'])
  world.a.lost = () => false
  await until(world, () => isDirect(world.a) && isDirect(world.b), 130_000)
})

test('30 % of all packets lost on the direct way: found, and kept', async () => {
  using world = new World(twoNats({ link: { delayMs: 20, lossPercent: 30 } }))
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b), 1_000)
  world.a.talk(20)
  await world.advance(600_000)
  assert.deepEqual(world.a.route, ['relay', 'direct'])
})

test('another network: the other side follows within a round trip', async () => {
  const link = { delayMs: 20 }
  using world = new World({ ...twoNats(), nc: { mapping: 'endpoint-independent', link }, a2: { behind: 'nc' } })
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  world.b.talk(20)
  await world.advance(5_000)
  await world.a.moveTo('a2')
  const movedMs = world.sim.clock.now()
  world.a.feed({ type: 'network-changed' })
  world.a.feed({ type: 'candidates', candidates: world.a.candidates })
  await world.advance(2_000)
  const moved = world.b.ofType('use').find(({ atMs }) => atMs > movedMs)!
  assert.ok(moved.path.kind === 'udp' && moved.path.remote.address === world.a.candidates[0]!.address)
  assert.ok(moved.atMs - movedMs <= 200, `followed after ${moved.atMs - movedMs} ms`)
  assert.ok(isDirect(world.a) && isDirect(world.b))
  // it took 80 ms to ask how the new network shows us
  assert.ok(longestStall(world.b) <= 200 && longestStall(world.a) <= 300)
})

test('a network that lets no UDP out: the relay at once, and the reason is told', async () => {
  using world = new World({
    ...twoNats(),
    nc: { mapping: 'endpoint-independent', blockUdp: true },
    a2: { behind: 'nc' }
  })
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  await world.advance(5_000)
  world.a.socket!.close()
  world.a.feed({ type: 'network-changed' })
  world.a.feed({ type: 'candidates', candidates: [] })
  await until(world, () => isRelayed(world.a), 2_000)
  assert.equal(world.a.ofType('path').at(-1)!.reason, 'network-changed')
  assert.ok(longestStall(world.b) <= 200, `${longestStall(world.b)} ms`)
})

test('the relay goes silent, and another one is attached: the link moves there', async () => {
  using world = new World(twoNats(SYMMETRIC, SYMMETRIC))
  await connected(world)
  await world.advance(3_000)
  world.a.talk(20)
  await world.advance(5_000)
  world.pipes.get(0)!.dead = true
  await until(world, () => world.a.ofType('want-relay').length > 0, 2_000)
  await world.advance(150)
  world.attach(1)
  await until(world, () => world.a.use?.kind === 'pipe' && world.a.use.pipe === 1, 2_000)
  assert.ok(longestStall(world.b) <= 1_500, `${longestStall(world.b)} ms`)
  await world.advance(40_000)
  assert.deepEqual(
    world.a.ofType('drop-pipe').map(({ pipe }) => pipe),
    [0]
  )
})

test('the relay goes while the direct path is fine: one more is asked for, unhurriedly, and nothing else happens', async () => {
  using world = new World(twoNats())
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  await world.advance(2_000)
  const beganMs = world.sim.clock.now()
  world.pipes.get(0)!.dead = true
  for (const side of [world.a, world.b]) side.feed({ type: 'pipe-gone', pipe: 0 })
  await world.advance(200_000)
  assert.deepEqual(
    world.a.ofType('want-relay').map(({ atMs }) => Math.round((atMs - beganMs) / 1_000)),
    [3, 13, 43, 103]
  )
  assert.deepEqual(world.a.route, ['relay', 'direct'])
  assert.ok(longestStall(world.b) <= 25)
  world.attach(1)
  await world.advance(600_000)
  assert.equal(world.a.ofType('want-relay').length, 4)
})

/** The relay goes, and none takes its place. */
function loseRelay({ a, b, pipes }: World): void {
  pipes.get(0)!.dead = true
  for (const side of [a, b]) side.feed({ type: 'pipe-gone', pipe: 0 })
}

for (const nat of ['na', 'nb']) {
  test(`no relay, and ${nat} forgets sooner than anybody asks: the side behind it asks before the other one gives up`, async () => {
    const { [nat]: own, ...rest } = twoNats()
    using world = new World({ ...rest, [nat]: { ...own, lifetimes: { udpMs: 5_000, udpStreamMs: 5_000 } } } as SimSpec)
    await connected(world)
    await until(world, () => isDirect(world.a) && isDirect(world.b))
    loseRelay(world)
    const { a, b } = world
    const shutOut = nat === 'na' ? b : a
    // its checks are always answered, so it learns that the other NAT bears long silences, and nobody can tell it of its own
    for (let i = 0; i < 20; i++) {
      await world.advance(300_000)
      await until(world, () => shutOut.agent.isCutOff, 30_000, 100)
      await until(world, () => !shutOut.agent.isCutOff, KEEPALIVE.aloneMs, 100)
    }
    assert.deepEqual([...a.ofType('dead'), ...b.ofType('dead')], [])
  })
}

for (const seconds of [12, 20, 30, 40]) {
  test(`no relay, and one side's mappings live for ${seconds} s: packets arrive whenever the other side sends them`, async () => {
    using world = new World(twoNats({ lifetimes: { udpMs: seconds * 1_000, udpStreamMs: seconds * 1_000 } }))
    await connected(world)
    await until(world, () => isDirect(world.a) && isDirect(world.b))
    loseRelay(world)
    await world.advance(1_800_000)
    const random = seededRandom(seconds)
    let missed = 0
    for (let i = 0; i < 200; i++) {
      await world.advance(random.int(1_000, 60_000))
      world.b.say()
      await world.advance(60)
      if (!world.a.arrived.has(world.b.seq)) missed++
    }
    // what lives for 30 s is never lost; below that it tries now and then whether mappings live longer, as above
    assert.ok(missed <= (seconds < 30 ? 4 : 0), `${missed} of 200 did not arrive`)
    assert.deepEqual([world.a.route, world.b.route], [DIRECT, DIRECT])
  })
}

for (const [afterMs, mostMs] of [
  [0, 1_000],
  [40_000, 15_000]
] as const) {
  test(`the relay goes while the next round of checks is minutes away, and ${afterMs / 1_000} s later a direct path becomes possible: it is found`, async () => {
    using world = new World(twoNats())
    await world.prepare()
    world.sim.setBlockUdp('nb', true)
    await world.connect()
    await world.advance(3_600_000)
    const rounds = () => world.a.checks.get('11.2.0.10')
    for (let before = rounds(); before === rounds(); await world.advance(1_000));
    await world.advance(10_000)
    loseRelay(world)
    await world.advance(afterMs)
    world.sim.setBlockUdp('nb', false)
    await until(world, () => isDirect(world.a) && isDirect(world.b), mostMs)
  })
}

test('the relay goes while the link has been idle for long: the direct path is asked at once, and trusted meanwhile', async () => {
  using world = new World(twoNats())
  await connected(world)
  await world.advance(3_600_000)
  // in the middle of the longest silence
  const quiet = () => world.a.asked + world.b.asked
  for (let before = -1; before !== quiet(); await world.advance(50_000)) before = quiet()
  const before = quiet()
  loseRelay(world)
  await world.advance(0)
  assert.ok(!world.a.agent.isCutOff && !world.b.agent.isCutOff)
  await world.advance(KEEPALIVE.patienceMs - 1)
  assert.equal(quiet() - before, 1)
  const began = quiet()
  await world.advance(3_600_000)
  const perHour = quiet() - began
  assert.ok(perHour >= 170 && perHour <= 190, `${perHour} askings an hour`)
  assert.deepEqual([world.a.route, world.b.route], [DIRECT, DIRECT])
  world.attach(1)
  await world.advance(600_000)
  const relayed = quiet()
  await world.advance(3_600_000)
  assert.ok(quiet() - relayed <= 36 + 24 + 2, `${quiet() - relayed} askings an hour with a relay`)
})

test('a third relay is one too many', async () => {
  using world = new World(twoNats(SYMMETRIC, SYMMETRIC))
  await connected(world)
  world.attach(1, 20)
  world.attach(2, 80)
  await world.advance(30_000)
  assert.deepEqual(
    world.a.ofType('drop-pipe').map(({ pipe }) => pipe),
    [2]
  )
})

test('an hour of jitter and loss, in use: the path does not change', async () => {
  const link = { delayMs: 30, jitterMs: 25, lossPercent: 2 }
  using world = new World(twoNats({ link }, { link }))
  await connected(world)
  await world.advance(2_000)
  world.a.talk(250)
  await world.advance(3_600_000)
  assert.deepEqual(world.a.route, ['relay', 'direct'])
  assert.deepEqual(world.b.route, ['relay', 'direct'])
})

test('1,000 changes of path: nothing is left of them', async () => {
  using world = new World(twoNats())
  await connected(world)
  await world.advance(2_000)
  world.a.talk(400)
  const sizes: number[] = []
  let pipe = 0
  while (world.a.ofType('path').length < 1_000) {
    // off the direct path, from relay to relay, and back
    world.sim.setBlockUdp('nb', true)
    await until(world, () => isRelayed(world.a) && isRelayed(world.b), 5_000, 200)
    for (let i = 0; i < 40; i++) {
      world.attach(++pipe)
      await world.advance(300)
      for (const side of [world.a, world.b]) side.feed({ type: 'pipe-gone', pipe: pipe - 1 })
      world.pipes.delete(pipe - 1)
      await world.advance(50)
      assert.deepEqual(world.a.use, { kind: 'pipe', pipe })
    }
    world.sim.setBlockUdp('nb', false)
    // what fails every few seconds is on probation for a minute
    await until(world, () => isDirect(world.a) && isDirect(world.b), 130_000, 200)
    sizes.push(world.a.agent.size + world.b.agent.size)
  }
  assert.ok(sizes.length >= 20 && Math.max(...sizes) < 100, `remembered: ${sizes}`)
  assert.ok(world.a.accepted.size <= 2 && world.b.accepted.size <= 2)
  assert.equal(world.a.agent.paths().length, 2)
})

test('an idle link: keepalives grow rare, and come from both sides in turns', async () => {
  using world = new World(twoNats())
  await connected(world)
  await world.advance(7_200_000)
  const total = () => [world.a, world.b].flatMap(side => [...side.checks.values()]).reduce((sum, n) => sum + n, 0)
  const before = total()
  const asked = [world.a, world.b].map(side => side.asked)
  await world.advance(3_600_000)
  const perHour = total() - before
  assert.ok(perHour <= 100, `${perHour} packets an hour`)
  const [a, b] = [world.a, world.b].map((side, i) => side.asked - asked[i]!)
  assert.ok(Math.abs(a! - b!) <= 2, `${a} and ${b}`)
  assert.deepEqual(world.a.route, ['relay', 'direct'])
})

test('a carrier that cuts mappings every minute, whatever the traffic: the relay carries packets too before it does', async () => {
  using world = new World(twoNats({ allocation: 'random' }, { filtering: 'address-dependent' }))
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b))
  world.a.talk(20)
  world.b.talk(20)
  const stalls: number[] = []
  for (let i = 0; i < 8; i++) {
    await world.advance(60_000)
    for (const side of [world.a, world.b]) side.arrived.clear()
    await world.advance(500)
    world.sim.flushNat('na')
    await world.advance(4_000)
    stalls.push(Math.max(longestStall(world.a), longestStall(world.b)))
  }
  assert.ok(
    stalls.slice(0, 2).every(ms => ms > 500),
    `${stalls}`
  )
  assert.ok(
    stalls.slice(2).every(ms => ms <= 100),
    `${stalls}`
  )
  assert.deepEqual(world.a.route, ['relay', 'direct'])
})

test('two peers behind one NAT that turns nothing around: direct by their own network, and rarely asked', async () => {
  const { na, a } = twoNats()
  using world = new World({ na: na!, a: a!, b: { behind: 'na' } })
  await connected(world)
  await until(world, () => isDirect(world.a) && isDirect(world.b), 1_000)
  const { path } = world.a.agent.current!
  assert.ok(path.kind === 'udp' && path.remote.address === world.sim.host('b').ip)
  await world.advance(5_000)
  const before = world.a.asked + world.b.asked
  await world.advance(3_600_000)
  // every 100 s, and by the relay every five minutes
  assert.ok(world.a.asked + world.b.asked - before <= 36 + 12 + 2)
})

test('one side is public: direct for the other, reverse for itself, in one round trip', async () => {
  const { na, a } = twoNats()
  using world = new World({ na: na!, a: a!, b: { link: { delayMs: 20 } } })
  const beganMs = await connected(world)
  await world.advance(1_000)
  assert.deepEqual(
    [world.a, world.b].map(side => side.ofType('attempt')[0]?.attempt.technique),
    ['direct', 'reverse']
  )
  assert.equal(world.a.ofType('use').find(({ path }) => path.kind === 'udp')!.atMs - beganMs, 2 * 42 + 80)
})

test('only the relay is allowed: no check by UDP is sent, and none is answered', async () => {
  using world = new World(twoNats(), { techniques: new Set(['relay']) })
  await connected(world)
  await world.advance(60_000)
  assert.deepEqual(
    [world.a, world.b].map(side => [...side.checks.keys()]),
    [['pipe'], ['pipe']]
  )
})

test('a clock that stands still for an hour: one check of each kind goes out, not those of an hour', async () => {
  using world = new World(twoNats())
  await connected(world)
  await world.advance(10_000)
  const { agent } = world.a
  const nowMs = world.sim.clock.now() + 3_600_000
  const { send = [] } = agent.step(nowMs, { type: 'tick' })
  assert.ok(send.length <= 4, `${send.length}`)
})
