import assert from 'node:assert/strict'
import test from 'node:test'
import type { RouterSpec } from '../../../src/sim/index.ts'
import { birthday } from '../../../src/traversal/techniques/birthday.ts'
import { median, World, type WorldOptions } from './world.ts'

const RANDOM: RouterSpec = { mapping: 'address-and-port-dependent', allocation: 'random' }
const EASY: RouterSpec = { mapping: 'endpoint-independent' }
const PER_HOST: RouterSpec = { mapping: 'address-dependent', allocation: 'sequential' }

interface Run {
  readonly ok: boolean
  readonly ms: number
  /** Of the side that opens, and of the one that searches. */
  readonly packets: readonly [number, number]
}

async function runs(count: number, a: RouterSpec, b: RouterSpec, options: WorldOptions = {}): Promise<Run[]> {
  const all: Run[] = []
  for (let seed = 1; seed <= count; seed++) {
    using world = new World(a, b, { ...options, seed: seed * 7 })
    await world.prepare()
    const [mine, theirs] = await world.meet(birthday)
    const ok = mine.outcome === 'ok' && theirs.outcome === 'ok'
    const [opens, searches] = a.allocation === 'random' ? [world.a, world.b] : [world.b, world.a]
    assert.equal(await world.leftovers(), 0)
    all.push({ ok, ms: world.foundMs ?? Number.POSITIVE_INFINITY, packets: [opens.sent, searches.sent] })
  }
  return all
}

function report(t: { diagnostic(text: string): void }, all: readonly Run[]): void {
  const direct = all.filter(({ ok }) => ok).length
  const probes = median(all.map(({ packets }) => packets[1]))
  t.diagnostic(`direct ${direct} of ${all.length}, median ${median(all.map(({ ms }) => ms))} ms, ${probes} probes`)
}

test('random ports meet a fixed one in 98 of 100 cases, with bounded packets', async t => {
  const all = await runs(200, RANDOM, EASY)
  report(t, all)
  assert.ok(all.filter(({ ok }) => ok).length >= 196)
  assert.ok(median(all.map(({ ms }) => ms)) < 1_000)
  assert.equal(Math.max(...all.map(({ packets }) => packets[0])), 256)
  assert.ok(Math.max(...all.map(({ packets }) => packets[1])) <= 2_048)
})

for (const [name, a, b, busy] of [
  ['the side that is dialled has them', EASY, RANDOM, 0],
  ['they are random for each address only', { ...RANDOM, mapping: 'address-dependent' }, EASY, 0],
  ['they are from a block', { ...RANDOM, ports: { first: 40_000, last: 41_023 } }, EASY, 0],
  ['parity is kept', { ...RANDOM, parity: true }, EASY, 0],
  ['the other side has one for each address, in sequence', RANDOM, PER_HOST, 0],
  ['that NAT is busy', RANDOM, { ...PER_HOST, step: 2 }, 100]
] as const satisfies readonly (readonly [string, RouterSpec, RouterSpec, number])[]) {
  test(`random ports are met where ${name}`, async t => {
    const all = await runs(25, a, b, { busy })
    report(t, all)
    assert.ok(all.every(({ ok }) => ok))
    assert.ok(Math.max(...all.map(({ packets }) => packets[0])) <= 2_048)
  })
}

test('a block is found with a fraction of the probes', async () => {
  const all = await runs(15, { ...RANDOM, ports: { first: 40_000, last: 41_023 } }, EASY)
  assert.ok(median(all.map(({ packets }) => packets[1])) < 100)
})

test('fewer sockets take longer, and a port each', async t => {
  using world = new World(RANDOM, { ...EASY }, { seed: 4 })
  await world.prepare()
  // 32 at a time
  world.a.maxSockets = 1 + 128
  const [mine, theirs] = await world.meet(birthday)
  t.diagnostic(`${mine.detail}; ${theirs.detail}`)
  assert.equal(world.a.sent, 128)
  assert.equal(mine.outcome, 'ok')
})

test('what goes wrong on the way is told on both sides, with what it took', async () => {
  using world = new World(RANDOM, EASY)
  await world.prepare()
  // nothing arrives any more but the hub's and the relay's
  world.sim.router('na').flush()
  world.b.probe = () => true
  const [mine, theirs] = await world.meet(birthday)
  assert.deepEqual([mine.outcome, mine.reason], ['failed', 'no-answer'])
  assert.equal(mine.detail, '256 packets from 256 sockets')
  assert.deepEqual([theirs.outcome, theirs.reason], ['failed', 'no-answer'])
  assert.equal(theirs.detail, "2048 probes to the other side's ports")
  assert.equal(await world.leftovers(), 0)
})

test('without sockets, addresses or reports it ends at once and says why', async () => {
  {
    using world = new World(RANDOM, EASY)
    await world.prepare()
    world.a.maxSockets = 1
    const [mine, theirs] = await world.meet(birthday)
    assert.equal(mine.reason, 'limit')
    assert.deepEqual([theirs.reason, theirs.detail], ['refused', 'the other side has given up: limit'])
  }
  {
    using world = new World(RANDOM, EASY)
    await world.prepare()
    world.b.announced = []
    const [mine, theirs] = await world.meet(birthday)
    assert.equal(theirs.reason, 'no-own-address')
    assert.equal(mine.reason, 'refused')
  }
  {
    using world = new World(RANDOM, EASY)
    await world.prepare()
    world.a.mine = undefined
    assert.equal((await birthday.attempt(world.a)).reason, 'suits-not')
  }
})

test('with a foreign peer nothing can be agreed on', async () => {
  using world = new World(RANDOM, EASY)
  const { clock, random, signal } = world.a
  const foreign = {
    on: 'foreign',
    peer: 'x',
    mine: undefined,
    theirs: undefined,
    clock,
    random,
    signal,
    upgrade: () => Promise.reject(new Error('not here')),
    dial: () => Promise.reject(new Error('not here'))
  } as const
  assert.deepEqual(await birthday.attempt(foreign), { outcome: 'failed', reason: 'needs-link' })
})
