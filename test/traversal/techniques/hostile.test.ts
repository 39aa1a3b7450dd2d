import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import type { RouterSpec } from '../../../src/sim/index.ts'
import type { AttemptResult, Technique } from '../../../src/traversal/technique.ts'
import { birthday } from '../../../src/traversal/techniques/birthday.ts'
import { predict } from '../../../src/traversal/techniques/predict.ts'
import { type ProbingMessage, probingMessageCodec } from '../../../src/wire/technique-messages.ts'
import type { Side } from './side.ts'
import { World } from './world.ts'

const RANDOM: RouterSpec = { mapping: 'address-and-port-dependent', allocation: 'random' }
const PER_PORT: RouterSpec = { mapping: 'address-and-port-dependent', allocation: 'sequential' }
const EASY: RouterSpec = { mapping: 'endpoint-independent' }
const VICTIM = '11.77.0.1'

/** A part of an attempt, played by side `a` against a partner who does what he wants. */
interface Part {
  readonly name: string
  readonly technique: Technique
  readonly a: RouterSpec
  readonly b: RouterSpec
}

const OPENS_MANY: Part = { name: 'birthday, opening', technique: birthday, a: RANDOM, b: EASY }
const SEARCHES_ALL: Part = { name: 'birthday, searching', technique: birthday, a: EASY, b: RANDOM }
const OPENS: Part = { name: 'predict, opening', technique: predict, a: PER_PORT, b: EASY }
const SEARCHES: Part = { name: 'predict, searching', technique: predict, a: EASY, b: PER_PORT }
const MEETS: Part = { name: 'predict, meeting', technique: predict, a: PER_PORT, b: PER_PORT }
const PARTS = [OPENS_MANY, SEARCHES_ALL, OPENS, SEARCHES, MEETS]

async function play({ technique, a, b }: Part, partner: (world: World, victim: Side) => void = () => {}) {
  const world = new World(a, b, { seed: 5 })
  await world.prepare()
  const startMs = world.sim.clock.now()
  // whoever listens has heard it by then
  world.a.deliver = () => {}
  partner(world, world.a)
  const result = await world.sim.run(technique.attempt(world.a), 60_000)
  return { world, result, ms: world.sim.clock.now() - startMs }
}

const say = (side: Side, message: ProbingMessage) => side.push(probingMessageCodec.encode(message))

/** It has ended for a reason, in bounded time, and nothing is left of it. */
async function ended(
  { world, result, ms }: { world: World; result: AttemptResult; ms: number },
  reason: AttemptResult['reason'],
  atMostMs: number
): Promise<void> {
  assert.deepEqual([result.outcome, result.reason], ['failed', reason], result.detail)
  assert.ok(ms <= atMostMs, `${ms} ms`)
  const { sent } = world.a
  assert.equal(await world.leftovers(), 0)
  await world.sim.clock.advance(60_000)
  assert.equal(world.a.sent, sent)
  world[Symbol.dispose]()
}

for (const part of PARTS) {
  test(`${part.name}: one that agrees and then says nothing costs seconds, and no packets`, async () => {
    const played = await play(part)
    assert.equal(played.world.a.sent, 0)
    await ended(played, 'silent', 6_000)
  })

  test(`${part.name}: what is no message ends it`, async () => {
    const played = await play(part, (_, victim) => victim.push(Uint8Array.of(0xff, 1, 2)))
    assert.equal(played.world.a.sent, 0)
    await ended(played, 'malformed', 1_000)
  })

  test(`${part.name}: messages of a later version are passed over, a flood of them too`, async () => {
    const later = Uint8Array.of(0x2a, 2, 8, 1)
    await ended(
      await play(part, (_, victim) => Array.from({ length: 1_000 }, () => victim.push(later))),
      'silent',
      6_000
    )
  })

  test(`${part.name}: one that gives up is told of, and not believed to be us`, async () => {
    const played = await play(part, (_, victim) => say(victim, { type: 'DONE', reason: 'no-own-address' }))
    assert.equal(played.result.detail, 'the other side has given up: no-own-address')
    await ended(played, 'refused', 1_000)
  })

  test(`${part.name}: nobody is probed whom the other side has not announced as itself`, async () => {
    const played = await play(part, (world, victim) => {
      for (const address of [VICTIM, '192.168.1.1', '127.0.0.1', world.hub.address]) {
        for (const round of [1, 2]) {
          say(victim, { type: 'TARGETS', round, endpoints: [{ address, port: 5_000 }] })
          say(victim, { type: 'OPENED', round, address, ports: [5_000, 5_002] })
          say(victim, { type: 'FORECAST', round, address, port: 5_000, step: 1 })
        }
      }
    })
    assert.equal(played.world.a.sent, 0)
    await ended(played, 'no-peer-address', 6_000)
  })

  test(`${part.name}: whom it has announced is probed so often, and never at a well-known port`, async () => {
    const played = await play(part, (world, victim) => {
      // signed, and a lie
      world.b.announced = [
        { kind: 'observed', transport: 'udp', address: VICTIM, port: 5_000 },
        { kind: 'observed', transport: 'udp', address: '127.0.0.1', port: 5_000 },
        { kind: 'host', transport: 'udp', address: '10.1.1.1', port: 5_000 }
      ]
      const endpoints = [80, 1_023, 1_024, 5_000, 5_001, 65_535].map(port => ({ address: VICTIM, port }))
      victim.deliver = message => {
        const said = probingMessageCodec.decode(message)
        if (said.type === 'TARGETS')
          say(victim, { type: 'OPENED', round: said.round, address: VICTIM, ports: [1_000, 1_030] })
        if (said.type === 'FORECAST') say(victim, { ...said, address: VICTIM, port: 1_010, step: -16 })
        if (said.type === 'OPENED') say(victim, { type: 'TARGETS', round: said.round + 1, endpoints })
      }
      say(victim, { type: 'TARGETS', round: 1, endpoints })
    })
    const { world, result } = played
    assert.ok(world.a.sent > 0 && world.a.sent <= 2_048, `${world.a.sent}`)
    assert.ok(world.a.probed.every(({ address, port }) => address === VICTIM && port >= 1_024))
    await ended(played, result.reason === 'silent' ? 'silent' : 'no-answer', 12_000)
  })

  test(`${part.name}: a node that may send nothing gives up, and has sent nothing`, async () => {
    using world = new World(part.a, part.b, { seed: 5 })
    await world.prepare()
    for (const side of [world.a, world.b]) side.allows = () => false
    const results = await world.meet(part.technique)
    assert.ok(results.every(({ outcome }) => outcome === 'failed'))
    assert.equal(world.a.sent + world.b.sent, 0)
    assert.ok(world.sim.clock.now() - world.startMs < 15_000)
    assert.equal(await world.leftovers(), 0)
  })

  test(`${part.name}: one that may send now and then takes longer`, async () => {
    using world = new World(part.a, part.b, { seed: 5 })
    await world.prepare()
    const { clock } = world.sim
    for (const side of [world.a, world.b]) side.allows = () => Math.floor(clock.now() / 100) % 2 === 0
    const results = await world.meet(part.technique)
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ['ok', 'ok'],
      results.map(({ detail }) => detail).join()
    )
  })

  test(`${part.name}: every message arrives three times, and the old ones again later`, async () => {
    const meet = async (copies: number) => {
      using world = new World(part.a, part.b, { seed: 5 })
      await world.prepare()
      for (const side of [world.a, world.b]) {
        const { deliver } = side
        side.deliver = message => {
          for (let n = 0; n < copies; n++) deliver(message)
          if (copies > 1) world.sim.clock.after(100, () => deliver(message))
        }
      }
      const results = await world.meet(part.technique)
      assert.ok(results.every(({ outcome }) => outcome === 'ok'))
      return world.a.sent + world.b.sent
    }
    assert.equal(await meet(3), await meet(1))
  })

  test(`${part.name}: it stops at once when it is told to, whatever it was at`, async () => {
    const random = seededRandom(9)
    for (let run = 0; run < 20; run++) {
      using world = new World(part.a, part.b, { seed: run + 1 })
      await world.prepare()
      const afterMs = random.int(0, 200)
      world.sim.clock.after(afterMs, () => {
        world.a.controller.abort(new Error('over'))
        world.b.controller.abort(new Error('over'))
      })
      const results = await world.meet(part.technique)
      assert.ok(results.every(({ reason }) => reason === 'aborted' || reason === 'connected'))
      assert.ok(world.sim.clock.now() - world.startMs <= Math.max(afterMs, world.relayMs))
      assert.equal(await world.leftovers(), 0)
    }
  })

  test(`${part.name}: without an answer from any hub it says so, or does without`, async () => {
    using world = new World(part.a, part.b, { seed: 5 })
    await world.prepare()
    for (const side of [world.a, world.b]) side.observe = () => Promise.resolve(undefined)
    const reasons = (await world.meet(part.technique)).map(({ reason }) => reason)
    // where ports are random, it is only not known where to begin
    const expected = part.technique === birthday ? ['connected'] : ['no-own-address', 'refused']
    assert.ok(
      reasons.every(reason => expected.includes(reason)),
      reasons.join()
    )
    assert.equal(await world.leftovers(), 0)
  })

  test(`${part.name}: a fault of ours is the runner's to tell`, async () => {
    using world = new World(part.a, part.b, { seed: 5 })
    await world.prepare()
    world.a.mainSocket = () => {
      throw new Error('a fault')
    }
    await assert.rejects(part.technique.attempt(world.a), /a fault/)
    assert.equal(await world.leftovers(), 0)
  })
}
