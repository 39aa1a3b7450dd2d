import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import type { Path } from '../../../src/socket/path.ts'
import { PathAgent } from '../../../src/traversal/paths/agent.ts'
import type { AgentStep } from '../../../src/traversal/paths/api.ts'
import { checkId, encodeAnswer, encodeRequest } from '../../../src/traversal/paths/checks.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'
import { keysOf, twoNats, World } from './world.ts'

const theirKeys = keysOf('b')
const pipe: Path = { kind: 'pipe', pipe: 0 }
const udp = (address: string, port = 4001): Path => ({ kind: 'udp', socket: 1, remote: { address, port } })
const at = (address: string, port = 4001): PathCandidate => ({ kind: 'observed', transport: 'udp', address, port })

/** An agent alone, on a clock that the test turns. */
class Alone {
  readonly agent: PathAgent
  readonly sent: { atMs: number; path: Path; bytes: Uint8Array }[] = []
  readonly events: NonNullable<AgentStep['events']>[number][] = []
  nowMs = 0
  #wakeAtMs = Number.POSITIVE_INFINITY
  #seq = 0

  constructor(role: 'controlling' | 'controlled' = 'controlled', candidates: readonly PathCandidate[] = []) {
    this.agent = new PathAgent({ role, keys: keysOf('a'), tag: 7, random: seededRandom(1), allowPrivate: false })
    this.feed({ type: 'pipe', pipe: 0, kind: 'relay', remote: '11.99.0.10:4001' })
    this.feed({ type: 'sockets', sockets: [{ socket: 1, family: 4 }] })
    this.feed({ type: 'candidates', candidates: [at('11.1.0.10')] })
    this.hear(candidates)
  }

  feed(input: Parameters<PathAgent['step']>[1]): void {
    const { send = [], events = [], wakeAtMs = Number.POSITIVE_INFINITY } = this.agent.step(this.nowMs, input)
    this.#wakeAtMs = wakeAtMs
    this.sent.push(...send.map(each => ({ ...each, atMs: this.nowMs })))
    this.events.push(...events)
  }

  hear(candidates: readonly PathCandidate[]): void {
    this.feed({ type: 'message', message: { type: 'CANDIDATES', seq: this.#seq++, candidates } })
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.#wakeAtMs <= endMs) {
      this.nowMs = this.#wakeAtMs
      this.feed({ type: 'tick' })
    }
    this.nowMs = endMs
  }

  /** A check of the other side, come from there. */
  asked(number: number, from: Path, nomination?: number): Uint8Array {
    const bytes = encodeRequest(theirKeys, checkId(1, number, new Uint8Array(4)), nomination)
    this.feed({ type: 'packet', bytes, from })
    return bytes
  }

  /** Answers all checks that have been sent to there so far. */
  answer(...from: readonly Path[]): void {
    for (const { path, bytes } of this.sent.splice(0)) {
      const isCheck = bytes[0] === 0 && bytes[1] === 1
      if (!isCheck || !from.some(each => JSON.stringify(each) === JSON.stringify(path))) continue
      this.feed({ type: 'packet', bytes: encodeAnswer(theirKeys, bytes.slice(8, 20)), from: path })
    }
  }

  to(address: string): number {
    return this.sent.filter(({ path }) => path.kind === 'udp' && path.remote.address === address).length
  }

  get uses(): Path[] {
    return this.events.flatMap(event => (event.type === 'use' ? [event.path] : []))
  }
}

test('reflected and forged checks are answered by nothing, and validate nothing', () => {
  const alone = new Alone('controlling', [at('11.2.0.10')])
  const own = alone.sent.find(({ path }) => path.kind === 'udp')!
  const before = alone.sent.length
  const { mine } = keysOf('a')
  const id = checkId(1, 1, new Uint8Array(4))
  const forgeries = [
    own.bytes,
    encodeRequest({ ...theirKeys, mine }, id),
    encodeRequest({ ...theirKeys, mine: new Uint8Array(32) }, id),
    encodeRequest({ ...theirKeys, link: 'fedcba9876543210' }, id),
    // an answer that somebody without the key made, and one signed as if it were to a check of theirs
    encodeAnswer({ ...theirKeys, theirs: new Uint8Array(32) }, own.bytes.slice(8, 20)),
    encodeAnswer({ ...theirKeys, theirs: theirKeys.mine }, own.bytes.slice(8, 20))
  ]
  for (const bytes of forgeries) {
    alone.feed({ type: 'packet', bytes, from: udp('11.2.0.10') })
    alone.feed({ type: 'packet', bytes, from: pipe })
  }
  assert.equal(alone.sent.length, before)
  assert.deepEqual(alone.uses, [pipe])
})

test('an answer from elsewhere than where the check went to does not count', () => {
  const alone = new Alone('controlling', [at('11.2.0.10')])
  const { bytes } = alone.sent.find(({ path }) => path.kind === 'udp')!
  const answer = encodeAnswer(theirKeys, bytes.slice(8, 20))
  for (const from of [udp('11.2.0.10', 4002), udp('11.3.0.10'), pipe, { ...udp('11.2.0.10'), socket: 2 } as Path]) {
    alone.feed({ type: 'packet', bytes: answer, from })
  }
  assert.deepEqual(alone.uses, [pipe])
  alone.feed({ type: 'packet', bytes: answer, from: udp('11.2.0.10') })
  assert.deepEqual(alone.uses, [pipe, udp('11.2.0.10')])
})

test('a check that is replayed is answered once, wherever it comes from', () => {
  const alone = new Alone()
  const bytes = alone.asked(5, udp('11.2.0.10'))
  const answers = alone.to('11.2.0.10')
  for (const from of [udp('11.2.0.10'), udp('11.7.0.7'), pipe]) alone.feed({ type: 'packet', bytes, from })
  assert.equal(alone.to('11.2.0.10'), answers)
  assert.equal(alone.to('11.7.0.7'), 0)
  assert.ok(!alone.events.some(event => event.type === 'accept' && JSON.stringify(event.path).includes('11.7.0.7')))
})

test('nominations out of order: the last one that was said counts', () => {
  const alone = new Alone()
  const [one, two] = [udp('11.2.0.10'), udp('11.2.0.10', 4002)]
  for (const [number, path] of [one, two].entries()) alone.asked(number, path)
  alone.advance(20)
  alone.answer(one, two)
  alone.asked(20, one, 2)
  alone.asked(10, two, 1)
  assert.deepEqual(alone.uses, [pipe, one])
  alone.asked(30, pipe, 3)
  alone.asked(25, two, 2)
  assert.deepEqual(alone.uses, [pipe, one, pipe])
})

test('a path that was nominated and never answers is never used', () => {
  const alone = new Alone()
  alone.asked(1, udp('11.2.0.10'), 1)
  for (let number = 2; number < 200; number++) {
    alone.advance(100)
    alone.asked(number, udp('11.2.0.10'), 1)
  }
  assert.deepEqual(alone.uses, [pipe])
  // who claims it may not be there at all
  assert.ok(alone.to('11.2.0.10') <= 60, `${alone.to('11.2.0.10')} packets in 20 s`)
})

test('a thousand candidates at third parties: few checks each, and few in all', () => {
  const many = (from: number) =>
    Array.from({ length: 1_000 }, (_, i) => at(`11.${(from + i) % 200}.${i % 250}.7`, 1_000 + i))
  const alone = new Alone('controlling', many(0))
  for (let i = 0; i < 1_000; i++) alone.hear(many(i))
  alone.advance(10_000)
  assert.ok(alone.sent.length < 220, `${alone.sent.length} packets in 10 s`)
  for (let i = 0; i < 60; i++) {
    alone.hear(many(i * 17))
    alone.advance(1_000)
  }
  assert.ok(alone.sent.length < 600, `${alone.sent.length} packets in 70 s`)
  assert.ok(alone.agent.size < 500)
})

test('all ports of one third party: the first round of three, and then less and less', () => {
  const victim = '11.7.0.7'
  const ports = (from: number) => Array.from({ length: 16 }, (_, i) => at(victim, 1 + ((from + i) % 65_535)))
  const alone = new Alone('controlling', ports(0))
  alone.advance(5_000)
  assert.ok(alone.to(victim) <= 45, `${alone.to(victim)} in 5 s`)
  for (let i = 0; i < 300; i++) {
    alone.hear(ports(i * 3))
    alone.advance(1_000)
  }
  assert.ok(alone.to(victim) <= 45 + 300 / 2, `${alone.to(victim)} in five minutes`)
})

test('checks with forged sources: what a bystander hears is bounded, and no answer is longer than its check', () => {
  const alone = new Alone()
  const victim = '11.7.0.7'
  let longest = 0
  for (let number = 1; number <= 2_000; number++) {
    if (number % 10 === 0) alone.advance(1)
    longest = alone.asked(number, udp(victim, 1 + (number % 50))).length
  }
  assert.ok(alone.to(victim) <= 42, `${alone.to(victim)} packets`)
  assert.ok(alone.sent.every(({ bytes }) => bytes.length <= longest))
  assert.ok(alone.agent.size < 300)
  const v6 = encodeAnswer(theirKeys, checkId(1, 1, new Uint8Array(4)), { address: '2001:db8::1', port: 9 })
  assert.ok(v6.length <= longest)
})

test('a relay that delays, drops, doubles and reorders: the link lives', async () => {
  using world = new World(twoNats())
  await world.prepare()
  world.sim.setBlockUdp('na', true)
  await world.connect()
  await world.advance(1_000)
  const random = seededRandom(3)
  world.pipes.get(0)!.mischief = () => {
    if (random.int(1, 10) <= 2) return []
    const laterMs = random.int(0, 300)
    return random.int(1, 4) === 1 ? [laterMs, random.int(0, 300)] : [laterMs]
  }
  world.a.talk(50)
  await world.advance(300_000)
  assert.deepEqual(world.a.route, ['relay'])
  assert.deepEqual(world.a.ofType('dead'), [])
  assert.ok(world.b.arrived.size > 4_500)
})

test('a relay that swallows all, with nothing else: over, with one clear reason', async () => {
  using world = new World(twoNats())
  await world.prepare()
  world.sim.setBlockUdp('na', true)
  await world.connect()
  await world.advance(1_000)
  world.a.talk(50)
  world.pipes.get(0)!.dead = true
  const beganMs = world.sim.clock.now()
  await world.advance(90_000)
  const wants = world.a.ofType('want-relay').map(({ atMs }) => atMs - beganMs)
  assert.ok(wants.length >= 5 && wants[0]! <= 2_000, `told at ${wants}`)
  const [dead, ...more] = world.a.ofType('dead')
  assert.equal(more.length, 0)
  assert.match(dead!.reason, /nothing came by any path for 60 s/)
  assert.ok(dead!.atMs - beganMs < 65_000)
})

test('pipes that never answer, or no more, make room: half a minute later', () => {
  const alone = new Alone('controlling')
  const dropped = () => alone.events.flatMap(event => (event.type === 'drop-pipe' ? [event.pipe] : []))
  alone.feed({ type: 'pipe', pipe: 1, kind: 'tcp', remote: '192.0.2.1:4001' })
  alone.feed({ type: 'pipe', pipe: 2, kind: 'relay', remote: '11.99.0.20:4001' })
  alone.advance(29_000)
  assert.deepEqual(dropped(), [])
  alone.advance(3_000)
  assert.deepEqual(dropped(), [1, 2])
  // one that worked: it is left when it loses its trust, and given up later
  alone.feed({ type: 'pipe', pipe: 3, kind: 'tcp', remote: '192.0.2.1:4002' })
  alone.answer({ kind: 'pipe', pipe: 3 })
  assert.deepEqual(alone.uses.at(-1), { kind: 'pipe', pipe: 3 })
  alone.answer({ kind: 'pipe', pipe: 0 })
  alone.advance(200_000)
  assert.deepEqual(alone.uses.at(-1), pipe)
  assert.deepEqual(dropped(), [1, 2, 3])
})
