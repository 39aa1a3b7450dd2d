import assert from 'node:assert/strict'
import test from 'node:test'
import { type Random, seededRandom } from '../../../src/core/random.ts'
import type { Path } from '../../../src/socket/path.ts'
import { PathAgent } from '../../../src/traversal/paths/agent.ts'
import type { AgentInput } from '../../../src/traversal/paths/api.ts'
import { checkId, encodeAnswer, encodeRequest } from '../../../src/traversal/paths/checks.ts'
import { keyOf } from '../../../src/traversal/paths/known.ts'
import { HOST_ALLOWANCE, LIMITS, LINK_ALLOWANCE } from '../../../src/traversal/paths/limits.ts'
import { MAX_CANDIDATES, type PathCandidate } from '../../../src/wire/path.ts'
import { keysOf } from './world.ts'

interface Asked {
  readonly path: Path
  readonly id: Uint8Array
}

/**
 * A peer that has the link's keys and bad intentions, a network that does what it likes, and a driver that tells things in any
 * order: whatever they do, what the agent remembers, sends and uses is bounded.
 */
class Bedlam {
  readonly agent: PathAgent
  nowMs = 0
  /** Paths by which one of the agent's checks was answered, and pipes: nothing else may be used. */
  readonly answered = new Set<string>()
  readonly accepted = new Set<string>()
  /** Packets to hosts that have proved nothing. */
  readonly heard = new Map<string, number>()
  readonly proven = new Set<string>()
  uses = 0
  messages = 0
  done = false
  readonly #random: Random
  readonly #asked: Asked[] = []
  readonly #unanswered: Asked[] = []
  readonly #said: { readonly bytes: Uint8Array; readonly from: Path }[] = []
  readonly #pipes = new Set<number>()
  #nextPipe = 0
  #number = 0
  #seq = 0
  #wakeAtMs = Number.POSITIVE_INFINITY
  #civil = true

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    const role = seed % 2 === 0 ? 'controlling' : 'controlled'
    this.agent = new PathAgent({ role, keys: keysOf('a'), tag: 7, random: seededRandom(seed), allowPrivate: false })
  }

  run(steps: number): void {
    for (let i = 0; i < steps && !this.done; i++) this.#deed()
  }

  #deed(): void {
    const random = this.#random
    // for a while it answers everything, or else the link would be over in half a minute
    if (random.int(0, 40) === 0) this.#civil = random.int(0, 2) > 0
    const deeds: readonly (() => void)[] = [
      () => this.#wait(random.int(0, 50)),
      () => this.#wait(random.int(0, 2_000)),
      () => this.#wait(random.int(0, 20) === 0 ? random.int(0, 120_000) : 5),
      () => this.#request(undefined),
      () => this.#request(random.int(0, 1) === 0 ? this.#number : random.int(0, 0xffff_ffff)),
      () => this.#answer(this.#asked.at(-random.int(1, 40))),
      () => this.#answer(this.#asked.at(-1)),
      () => this.#repeat(),
      () => this.#feed({ type: 'packet', bytes: random.bytes(random.int(0, 200)), from: this.#path() }),
      () => this.#feed({ type: 'message', message: this.#message() }),
      () => this.#pipe(),
      () => this.#feed({ type: 'traffic', sent: random.int(0, 9), heard: this.#traffic() }),
      () => this.#feed(this.#news())
    ]
    deeds[random.int(0, deeds.length - 1)]!()
  }

  #traffic() {
    return Array.from({ length: this.#random.int(0, 3) }, () => ({ path: this.#path(), count: this.#random.int(1, 9) }))
  }

  #repeat(): void {
    const said = this.#said[this.#random.int(0, this.#said.length)]
    if (said != null) this.#feed({ type: 'packet', bytes: said.bytes, from: this.#path() })
  }

  #news(): AgentInput {
    const random = this.#random
    const inputs: readonly AgentInput[] = [
      { type: 'start' },
      { type: 'stream' },
      { type: 'network-changed' },
      { type: 'candidates', candidates: this.#candidates() },
      { type: 'punched', ok: random.int(0, 1) === 0, reason: 'no-answer', ms: 5 },
      {
        type: 'sockets',
        sockets: [1, 2, 3].slice(random.int(0, 2)).map(socket => ({ socket, family: socket === 3 ? 6 : 4 }))
      }
    ]
    return inputs[random.int(0, inputs.length - 1)]!
  }

  #message(): Extract<AgentInput, { type: 'message' }>['message'] {
    const candidates = this.#candidates()
    const number = this.#random.int(0, 9) === 0 ? this.#random.int(0, 2 ** 40) : ++this.#seq
    const kind = this.#random.int(0, 4)
    if (kind === 0) return { type: 'UNKNOWN' }
    return kind === 1
      ? { type: 'PUNCH_TCP', round: number, candidates }
      : { type: 'CANDIDATES', seq: number, candidates }
  }

  #candidates(): PathCandidate[] {
    const one = (): PathCandidate => ({
      kind: (['host', 'observed', 'mapped'] as const)[this.#random.int(0, 2)]!,
      transport: this.#random.int(0, 3) === 0 ? 'tcp' : 'udp',
      ...this.#remote()
    })
    return Array.from({ length: this.#random.int(0, MAX_CANDIDATES) }, one)
  }

  #remote() {
    const random = this.#random
    const host = random.int(1, 60)
    const address = random.int(0, 5) === 0 ? `2001:db8:1::${host.toString(16)}` : `11.7.0.${host}`
    return { address, port: random.int(0, 2) === 0 ? random.int(1, 65_535) : 4001 }
  }

  #path(): Path {
    const known = this.#asked[this.#random.int(0, this.#asked.length)]?.path
    if (known != null && this.#random.int(0, 2) > 0) return known
    if (this.#random.int(0, 4) === 0) return { kind: 'pipe', pipe: this.#random.int(0, this.#nextPipe) }
    return { kind: 'udp', socket: this.#random.int(1, 4), remote: this.#remote() }
  }

  #pipe(): void {
    const [some] = this.#pipes
    if (some != null && this.#random.int(0, 2) > 0) {
      this.#pipes.delete(some)
      this.#feed({ type: 'pipe-gone', pipe: some })
      return
    }
    const pipe = this.#nextPipe++
    this.#pipes.add(pipe)
    // the one that the link begins on counts as answered
    if (pipe === 0) this.answered.add(keyOf({ kind: 'pipe', pipe }))
    this.#feed({ type: 'pipe', pipe, kind: this.#random.int(0, 2) === 0 ? 'tcp' : 'relay', remote: '11.99.0.10:4001' })
  }

  #request(nomination: number | undefined): void {
    const from = this.#path()
    this.#number += this.#random.int(0, 9) === 0 ? this.#random.int(0, 5_000) : 1
    const bytes = encodeRequest(keysOf('b'), checkId(1, this.#number, this.#random.bytes(4)), nomination)
    this.#said.push({ bytes, from })
    this.#feed({ type: 'packet', bytes, from })
  }

  #answer(asked: Asked | undefined): void {
    if (asked == null) return
    const from = this.#random.int(0, 4) === 0 ? this.#path() : asked.path
    const bytes = encodeAnswer(keysOf('b'), asked.id)
    this.#said.push({ bytes, from })
    if (keyOf(from) === keyOf(asked.path)) {
      this.answered.add(keyOf(from))
      if (from.kind === 'udp') this.proven.add(from.remote.address)
    }
    this.#feed({ type: 'packet', bytes, from })
  }

  #wait(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.#wakeAtMs <= endMs && !this.done) {
      this.nowMs = this.#wakeAtMs
      this.#feed({ type: 'tick' })
      while (this.#civil && this.#unanswered.length > 0) this.#answer(this.#unanswered.shift())
    }
    this.nowMs = endMs
  }

  #feed(input: AgentInput): void {
    if (this.done) return
    const step = this.agent.step(this.nowMs, input)
    this.#wakeAtMs = step.wakeAtMs ?? Number.POSITIVE_INFINITY
    this.done = step.done === true
    assert.ok(this.#wakeAtMs > this.nowMs, `wakes at ${this.#wakeAtMs}, and it is ${this.nowMs}`)
    this.messages += step.messages?.length ?? 0
    for (const message of step.messages ?? []) {
      assert.ok('candidates' in message && message.candidates.length <= MAX_CANDIDATES)
    }
    for (const { path, bytes } of step.send ?? []) this.#sent(path, bytes, input)
    for (const event of step.events ?? []) {
      if (event.type === 'accept') this.accepted.add(keyOf(event.path))
      else if (event.type === 'refuse') this.accepted.delete(keyOf(event.path))
      else if (event.type === 'use') this.#used(event.path)
    }
    assert.ok(
      this.accepted.size <= LIMITS.pairs + LIMITS.peerReflexive + LIMITS.pipes,
      `${this.accepted.size} accepted`
    )
  }

  #sent(path: Path, bytes: Uint8Array, input: AgentInput): void {
    if (bytes[0] === 0 && bytes[1] === 1) {
      this.#asked.push({ path, id: bytes.slice(8, 20) })
      if (this.#unanswered.push(this.#asked.at(-1)!) > 100) this.#unanswered.shift()
      if (this.#asked.length > 500) this.#asked.shift()
    } else {
      assert.ok(
        input.type === 'packet' && bytes.length <= input.bytes.length,
        'an answer is no longer than what it answers'
      )
    }
    if (path.kind !== 'udp' || this.proven.has(path.remote.address)) return
    const { address } = path.remote
    this.heard.set(address, (this.heard.get(address) ?? 0) + 1)
  }

  #used(path: Path): void {
    this.uses++
    const key = keyOf(path)
    assert.ok(this.answered.has(key), `${key} is used, and none of our checks was answered by it`)
    assert.ok(this.accepted.has(key), `${key} is used, and nothing would be taken from it`)
  }
}

/** All that the agent may remember at once: its tables, each full. */
const PATHS = LIMITS.pairs + LIMITS.formerPairs + LIMITS.peerReflexive + LIMITS.pipes
const MOST = PATHS + LIMITS.outstanding + 64 + HOST_ALLOWANCE.maxKeys

const SEEDS = 32
test(`any inputs in any order, ${SEEDS} seeds of 1,500: memory and packets stay bounded, and only what was answered is used`, () => {
  let uses = 0
  let proven = 0
  for (let seed = 0; seed < SEEDS; seed++) {
    const bedlam = new Bedlam(seed)
    try {
      bedlam.run(1_500)
      assert.ok(bedlam.agent.size <= MOST, `${bedlam.agent.size} things are remembered`)
      const refilled = (refillMs: number) => Math.ceil(bedlam.nowMs / refillMs)
      for (const [host, count] of bedlam.heard) {
        const most = HOST_ALLOWANCE.burst + refilled(HOST_ALLOWANCE.refillMs)
        assert.ok(count <= most, `${host} has heard ${count} packets in ${bedlam.nowMs} ms`)
      }
      const all = [...bedlam.heard.values()].reduce((sum, count) => sum + count, 0)
      assert.ok(all <= LINK_ALLOWANCE.burst + refilled(LINK_ALLOWANCE.refillMs), `${all} in all`)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
    uses += bedlam.uses
    proven += bedlam.proven.size
  }
  // else it has shown nothing
  assert.ok(uses > 20 * SEEDS && proven > SEEDS, `${uses} changes of path, ${proven} hosts answered`)
})
