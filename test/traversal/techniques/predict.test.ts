import assert from 'node:assert/strict'
import test from 'node:test'
import { sleep } from '../../../src/core/clock.ts'
import type { RouterSpec } from '../../../src/sim/index.ts'
import { predict } from '../../../src/traversal/techniques/predict.ts'
import { median, World } from './world.ts'

const PER_PORT: RouterSpec = { mapping: 'address-and-port-dependent', allocation: 'sequential' }
const PER_HOST: RouterSpec = { mapping: 'address-dependent', allocation: 'sequential' }
const EASY: RouterSpec = { mapping: 'endpoint-independent' }

interface Row {
  readonly name: string
  readonly a: RouterSpec
  readonly b: RouterSpec
  readonly count: number
  /** Of 100. */
  readonly least: number
  /** Mappings of others in a second, at most; each run has another number. */
  readonly busy: number
  readonly packets: number
}

const row = (name: string, a: RouterSpec, b: RouterSpec, more: Partial<Row> = {}): Row => {
  return { name, a, b, count: 20, least: 100, busy: 100, packets: 3 * 68, ...more }
}

/** Of two windows, three times, ever longer. */
const MEETING = 6 * (96 + 64)

const ROWS: readonly Row[] = [
  row('sequential × endpoint-independent', PER_PORT, EASY, { count: 200, least: 98, busy: 300 }),
  row('endpoint-independent × sequential', EASY, PER_PORT),
  row('sequential × sequential', PER_PORT, PER_PORT, { count: 200, least: 98, busy: 200, packets: MEETING }),
  row('sequential × sequential, nobody else', PER_PORT, PER_PORT, { busy: 0, packets: 160 }),
  row('sequential for each address × endpoint-independent', PER_HOST, EASY),
  row('sequential for each address × sequential', PER_HOST, PER_PORT),
  row('sequential × sequential for each address', PER_PORT, PER_HOST),
  row('sequential for each address on both sides', PER_HOST, PER_HOST),
  row('down × up by two', { ...PER_PORT, step: -1 }, { ...PER_PORT, step: 2 }, { packets: MEETING }),
  row('down × endpoint-independent', { ...PER_PORT, step: -3 }, EASY),
  row('parity × none', { ...PER_PORT, parity: true }, PER_PORT, { packets: MEETING }),
  row(
    'parity on both sides',
    { ...PER_PORT, step: 2, parity: true },
    { ...PER_PORT, parity: true },
    { packets: MEETING }
  ),
  row('parity × endpoint-independent', { ...PER_PORT, parity: true }, EASY),
  row(
    'small ranges, so that counters start again',
    { ...PER_PORT, ports: { first: 32_768, last: 33_267 } },
    { ...PER_PORT, ports: { first: 40_000, last: 40_499 } },
    { packets: MEETING, busy: 10 }
  ),
  row('a small range × endpoint-independent', { ...PER_PORT, ports: { first: 40_000, last: 40_299 } }, EASY, {
    busy: 5
  })
]

for (const { name, a, b, count, least, busy, packets } of ROWS) {
  test(`${name}: ${least} of 100 meet beside up to ${busy} mappings a second of others`, async t => {
    const times: number[] = []
    const sent: number[] = []
    const failed: string[] = []
    for (let seed = 1; seed <= count; seed++) {
      const options = { seed: seed * 11, busy: (busy * (seed - 1)) / (count - 1) }
      using world = new World(a, b, options)
      await world.prepare()
      const results = await world.meet(predict)
      if (results.every(({ outcome }) => outcome === 'ok')) times.push(world.foundMs ?? Number.NaN)
      else failed.push(`seed ${seed}: ${results.map(({ reason, detail }) => `${reason}, ${detail}`).join(' | ')}`)
      sent.push(world.a.sent + world.b.sent)
      assert.equal(await world.leftovers(), 0)
    }
    t.diagnostic(`direct ${times.length} of ${count}, median ${median(times)} ms, ${median(sent)} packets`)
    assert.ok(times.length * 100 >= least * count, failed.join('\n'))
    assert.ok(Math.max(...sent) <= packets, `${Math.max(...sent)} packets`)
  })
}

test('the first round mostly does where nobody else is there', async () => {
  using world = new World(PER_PORT, PER_PORT, { seed: 3 })
  await world.prepare()
  const [mine] = await world.meet(predict)
  assert.match(mine.detail ?? '', /^\d+ probes, round 1: our next port was foreseen as \d+$/)
  // samples, a message by the relay, and a round trip
  assert.ok(world.foundMs! < 300, `${world.foundMs}`)
})

test('a step that the report has not seen is taken from the samples', async () => {
  for (const step of [1, 2, -1]) {
    using world = new World({ ...PER_PORT, step }, { ...PER_PORT, step: 3 }, { seed: 8 })
    await world.prepare()
    for (const side of [world.a, world.b]) side.mine = { ...side.mine!, udp4: { ...side.mine!.udp4, step: null } }
    const results = await world.meet(predict)
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ['ok', 'ok']
    )
  }
})

test('a report that calls random ports sequential costs three rounds', async () => {
  using world = new World({ ...PER_PORT, allocation: 'random' }, EASY, { seed: 2 })
  await world.prepare()
  const udp4 = { ...world.a.mine!.udp4, allocation: 'sequential', step: 1 } as const
  world.a.mine = { ...world.a.mine!, udp4 }
  world.b.theirs = world.a.mine
  const [mine, theirs] = await world.meet(predict)
  assert.deepEqual([mine.reason, theirs.reason], ['no-answer', 'no-answer'])
  assert.equal(theirs.detail, "192 probes to the other side's ports in 3 rounds")
  assert.equal(world.b.sent, 192)
  assert.equal(await world.leftovers(), 0)
})

test('a packet that is lost before the NAT is sent again', async () => {
  using world = new World(PER_PORT, EASY, { seed: 2 })
  await world.prepare()
  const { probe } = world.a
  let lost = 0
  world.a.probe = (from, to) => (lost++ === 0 ? true : probe.call(world.a, from, to))
  const results = await world.meet(predict)
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['ok', 'ok']
  )
})

test('a hub that is asked late, after one that does not answer, sees ports from after the mapping', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    using world = new World(PER_PORT, EASY, { seed, busy: 20 })
    await world.prepare()
    const { observe } = world.a
    world.a.observe = async socket => {
      await sleep(world.sim.clock, 900)
      return observe.call(world.a, socket)
    }
    const results = await world.meet(predict)
    assert.ok(results.every(({ outcome }) => outcome === 'ok'))
  }
})
