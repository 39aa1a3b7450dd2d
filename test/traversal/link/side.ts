import type { Logger } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Allowance } from '../../../src/core/allowance.ts'
import { Events } from '../../../src/core/events.ts'
import { seededRandom } from '../../../src/core/random.ts'
import type { Carriers } from '../../../src/libp2p/links/carriers.ts'
import type { LinksContext } from '../../../src/libp2p/links/context.ts'
import { SwitchGround } from '../../../src/libp2p/links/ground.ts'
import { LinkPaths, type PathEvents } from '../../../src/libp2p/links/link-paths.ts'
import type { Told } from '../../../src/libp2p/links/offer.ts'
import type { PathStream } from '../../../src/libp2p/links/path-stream.ts'
import type { Pipe } from '../../../src/libp2p/links/pipe.ts'
import { Timeline } from '../../../src/libp2p/timeline.ts'
import type { SimHost } from '../../../src/sim/index.ts'
import type { Path } from '../../../src/socket/path.ts'
import type { PacketSwitch } from '../../../src/socket/switch.ts'
import type { Attempt, TechniqueName } from '../../../src/traversal/attempt.ts'
import { type Explanation, explanationOf } from '../../../src/traversal/explain.ts'
import { Budget } from '../../../src/traversal/link/budget.ts'
import type { Experience } from '../../../src/traversal/link/ground.ts'
import type { Traversal } from '../../../src/traversal/link/traversal.ts'
import { checkTarget } from '../../../src/traversal/paths/checks.ts'
import { BYSTANDER_ALLOWANCE } from '../../../src/traversal/paths/limits.ts'
import type { Technique } from '../../../src/traversal/technique.ts'
import { BUILT_IN } from '../../../src/traversal/techniques/index.ts'
import { type PathCandidate, type PathMessage, pathMessageCodec } from '../../../src/wire/path.ts'
import type { NetworkSummary } from '../../../src/wire/summary.ts'
import { keysOf } from '../paths/world.ts'
import { DATA, SimSwitch } from './sim-switch.ts'
import type { World } from './world.ts'

const FLOW = 1
const PIPE = 0
/** As path-stream.ts: what is said while there is no stream. */
const MAX_WAITING = 64

export interface SideOptions {
  readonly techniques?: readonly Technique[]
  /** As `createNode({ techniques })`. */
  readonly allowed?: readonly TechniqueName[]
  readonly experience?: Experience
}

/** Something that is known, and may change. */
class Source<T> {
  readonly #changes = new Events<{ change: undefined }>()
  value: T

  constructor(value: T) {
    this.value = value
  }

  current(): T {
    return this.value
  }

  list(): T {
    return this.value
  }

  onChange(listener: () => void): () => void {
    return this.#changes.on('change', listener)
  }

  set(value: T): void {
    this.value = value
    this.#changes.emit('change', undefined)
  }
}

/** One node with one link at a time: libp2p's part of it on sockets of a simulated host. */
export class Side {
  readonly name: 'a' | 'b'
  readonly network: SimSwitch
  readonly ground: SwitchGround
  readonly budget = new Budget()
  readonly candidates = new Source<readonly PathCandidate[]>([])
  readonly summary = new Source<NetworkSummary | undefined>(undefined)
  readonly attempts: (Attempt & { readonly atMs: number })[] = []
  /** Messages to the other side, whether they arrived or not. */
  readonly said: PathMessage[] = []
  /** What becomes of a message to the other side; it is sent as often as this says. */
  mischief: (message: PathMessage) => readonly PathMessage[] = message => [message]
  settled = 0
  arrived = 0
  main = 0
  readonly #world: World
  readonly #context: LinksContext
  readonly #events = new Events<PathEvents>()
  #paths: LinkPaths | undefined
  #waiting: PathMessage[] = []
  #stream = false

  constructor(world: World, name: 'a' | 'b', options: SideOptions, seed: number) {
    this.#world = world
    this.name = name
    const { clock } = world.sim
    const random = seededRandom(seed)
    this.network = new SimSwitch(this.host)
    const packetSwitch = this.network as unknown as PacketSwitch
    const sockets = () => [{ socket: this.main, family: 4 as const }]
    const relays = () => [multiaddr(`/ip4/${world.hub.ip}/udp/4001/quic-v1`)]
    this.ground = new SwitchGround({ packetSwitch, sockets, relays, clock, random })
    const { techniques = BUILT_IN, allowed, experience } = options
    this.#context = {
      log: Object.assign(() => {}, { trace: () => {} }) as unknown as Logger,
      clock,
      random,
      packetSwitch,
      candidates: this.candidates,
      allowPrivate: false,
      techniques: allowed && new Set(allowed),
      registered: techniques,
      summary: this.summary,
      ground: this.ground,
      budget: this.budget,
      experience,
      bystanders: new Allowance(BYSTANDER_ALLOWANCE),
      pipes: new Map(),
      sockets,
      relays
    } as unknown as LinksContext
    this.network.events.on('stun', ({ socket, from, bytes }) => this.stun(bytes, { kind: 'udp', socket, remote: from }))
    this.network.onData = () => {
      this.arrived++
    }
    this.#events.on('attempt', attempt => this.attempts.push({ ...attempt, atMs: clock.now() - world.beganMs }))
    this.#events.on('settled', () => {
      this.settled++
    })
  }

  get host(): SimHost {
    return this.#world.sim.host(this.name)
  }

  get other(): Side {
    return this.name === 'a' ? this.#world.b : this.#world.a
  }

  get role(): 'controlling' | 'controlled' {
    return this.name === 'a' ? 'controlling' : 'controlled'
  }

  get tag(): number {
    return this.name === 'a' ? 0xa : 0xb
  }

  get paths(): LinkPaths {
    if (this.#paths == null) throw new Error('there is no link')
    return this.#paths
  }

  get traversal(): Traversal {
    return this.paths.traversal!
  }

  /** All that is in its plan. */
  get isTried(): boolean {
    return this.#paths?.traversal?.tried === true
  }

  /** What the link goes by: the technique that has found it. */
  get route(): TechniqueName | undefined {
    return this.#paths?.history.changes.at(-1)?.technique
  }

  /** When a direct path was used first, after the link began. */
  get directMs(): number | undefined {
    return this.#paths?.history.changes.find(({ kind }) => kind === 'direct')?.atMs
  }

  /** What the offer says. */
  get told(): Told {
    return { candidates: this.candidates.value, summary: this.summary.value }
  }

  newLink(): LinkPaths {
    this.#stream = false
    this.#waiting = []
    this.network.use = undefined
    const { clock } = this.#world.sim
    const init = {
      role: this.role,
      flow: FLOW,
      tag: this.tag,
      timeline: new Timeline(() => clock.now()),
      carriers: this.#carriers(),
      messages: { send: (message: PathMessage) => this.#say(message) } as unknown as PathStream,
      events: this.#events,
      onDead: () => {},
      peer: this.other.name
    }
    this.#paths = new LinkPaths(this.#context, init)
    return this.#paths
  }

  begin(theirs: Told): void {
    this.paths.begin(keysOf(this.name), theirs)
  }

  /** The path stream is open. */
  openStream(): void {
    this.#stream = true
    this.paths.feed({ type: 'stream' })
    for (const message of this.#waiting.splice(0)) this.#say(message)
  }

  /** As sessions.ts: whose it is says the message itself. */
  stun(bytes: Uint8Array, from: Path): void {
    const target = checkTarget(bytes)
    if (target == null || this.#paths == null) return
    if ('link' in target ? target.link === keysOf(this.name).link : target.tag === this.tag) {
      this.#paths.feed({ type: 'packet', bytes, from })
    }
  }

  /** One packet of the application, by the path in use. */
  send(): void {
    const { use } = this.network
    const bytes = Uint8Array.of(DATA, 0)
    if (use?.kind === 'udp') this.network.send(use.socket, use.remote, bytes)
    else if (use != null) this.#world.later(() => this.other.arrived++)
  }

  /** What became of a technique, each time: outcome and reason. */
  outcomes(technique: TechniqueName): string[] {
    return this.attempts
      .filter(each => each.technique === technique)
      .map(({ outcome, reason }) => `${outcome} ${reason}`)
  }

  /** Of what it has said to the other side. */
  saidOf<T extends PathMessage['type']>(type: T): Extract<PathMessage, { type: T }>[] {
    return this.said.filter((message): message is Extract<PathMessage, { type: T }> => message.type === type)
  }

  /** As node/explain-link.ts. */
  explain(): Explanation {
    const { history, traversal } = this.paths
    const last = history.changes.at(-1)
    return explanationOf({
      peer: this.other.name,
      path: last ?? null,
      mine: traversal?.mine ?? null,
      theirs: traversal?.theirs ?? null,
      plan: traversal?.plan.steps ?? [],
      attempts: [...history.attempts]
    })
  }

  close(): void {
    this.#paths?.close()
  }

  #say(message: PathMessage): void {
    const at = ['CANDIDATES', 'REPORT'].includes(message.type)
      ? this.#waiting.findIndex(({ type }) => type === message.type)
      : -1
    if (!this.#stream) {
      if (at >= 0) this.#waiting.splice(at, 1)
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push(message)
      return
    }
    this.said.push(message)
    for (const each of this.mischief(message)) this.deliver(each)
  }

  /** By the path stream. It goes by the link, so it arrives as long as anything does, or when something does again. */
  deliver(message: PathMessage): void {
    const bytes = pathMessageCodec.encode(message)
    const { other } = this
    const arrive = () => {
      if (this.#paths?.isCutOff === true) this.#world.sim.clock.after(500, arrive)
      else other.paths.message(pathMessageCodec.decode(bytes))
    }
    this.#world.later(arrive)
  }

  /** One relayed stream, whose frames arrive whole. */
  #carriers(): Carriers {
    const remote = `${this.#world.hub.ip}:4001`
    const relayRttMs = this.#world.relayMs
    const pipe = { kind: 'relay', transport: 'quic', remote, relay: 'hub', relayRttMs } as Pipe
    const sendDatagram = (_: number, bytes: Uint8Array) => {
      if (!this.#world.relayIsDead) this.#world.later(() => this.other.stun(bytes, { kind: 'pipe', pipe: PIPE }))
    }
    return {
      all: () => [[PIPE, pipe]].values(),
      get: (number: number) => (number === PIPE ? pipe : undefined),
      relays: ['hub'],
      sendDatagram,
      drop: () => {}
    } as unknown as Carriers
  }
}
