import type { Timer } from '../../../src/core/clock.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import type { UdpSocket } from '../../../src/core/net.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { createSim, type Sim, type SimSpec } from '../../../src/sim/index.ts'
import type { Path } from '../../../src/socket/path.ts'
import type { TechniqueName } from '../../../src/traversal/attempt.ts'
import { PathAgent } from '../../../src/traversal/paths/agent.ts'
import type { AgentEvent, AgentInput, AgentStep, CheckKeys, PipeKind } from '../../../src/traversal/paths/api.ts'
import { checkTarget } from '../../../src/traversal/paths/checks.ts'
import { keyOf } from '../../../src/traversal/paths/known.ts'
import type { PathCandidate, PathMessage } from '../../../src/wire/path.ts'
import { answering, ask } from '../../sim/udp.ts'

const LINK = '0123456789abcdef'
const SOCKET = 1
const PORT = 4001
/** How often the switch tells what has moved. */
const REPORT_MS = 500

/** A relay's two streams, joined. */
export class Pipe {
  readonly number: number
  delayMs: number
  /** Swallows all, and says nothing. */
  dead = false
  carried = 0
  /** What it does to a datagram: how often it arrives, and how much later. */
  mischief: (() => readonly number[]) | undefined

  constructor(number: number, delayMs: number) {
    this.number = number
    this.delayMs = delayMs
  }
}

export interface WorldOptions {
  /** One way through the relay. */
  readonly relayMs?: number
  readonly seed?: number
  readonly techniques?: ReadonlySet<TechniqueName>
  readonly checking?: ReadonlySet<TechniqueName>
  readonly deadMs?: number
}

type Told = AgentEvent & { readonly atMs: number }

/** One side: its agent, its socket, what it sends and hears. */
export class Side {
  readonly agent: PathAgent
  readonly events: Told[] = []
  readonly name: 'a' | 'b'
  /** STUN messages sent, by where to. */
  readonly checks = new Map<string, number>()
  /** Of the application's packets, when each number arrived first. */
  readonly arrived = new Map<number, number>()
  received = 0
  use: Path | undefined
  also: Path | undefined
  readonly accepted = new Set<string>()
  /** Path messages that wait for a path. */
  readonly unsent: PathMessage[] = []
  /** How many checks it has asked, and answered none. */
  asked = 0
  /** What it sends by such a path never arrives. */
  lost: (path: Path) => boolean = () => false
  candidates: readonly PathCandidate[] = []
  socket: UdpSocket | undefined
  /** Those of techniques. */
  readonly further = new Map<number, UdpSocket>()
  seq = 0
  readonly #world: World
  #timer: Timer | undefined
  #sent = 0
  #heard = new Map<string, { path: Path; count: number }>()
  over = false

  constructor(world: World, name: 'a' | 'b', { techniques, checking, seed = 1 }: WorldOptions) {
    this.#world = world
    this.name = name
    this.agent = new PathAgent({
      role: name === 'a' ? 'controlling' : 'controlled',
      keys: keysOf(name),
      tag: name === 'a' ? 0xa : 0xb,
      random: seededRandom(seed + (name === 'a' ? 1 : 2)),
      allowPrivate: false,
      ...(techniques == null ? {} : { techniques }),
      ...(checking == null ? {} : { checking })
    })
  }

  get other(): Side {
    return this.name === 'a' ? this.#world.b : this.#world.a
  }

  feed(input: AgentInput): AgentStep {
    if (this.over) return {}
    this.#timer?.cancel()
    const { clock } = this.#world.sim
    const step = this.agent.step(clock.now(), input)
    const { send = [], messages = [], events = [], wakeAtMs, done } = step
    this.over = done === true
    if (!this.agent.isCutOff) for (const message of this.unsent.splice(0)) this.#world.carry(this, message)
    if (wakeAtMs != null) {
      if (wakeAtMs <= clock.now()) throw new Error(`wakes at ${wakeAtMs}, and it is ${clock.now()}`)
      this.#timer = clock.after(wakeAtMs - clock.now(), () => this.feed({ type: 'tick' }))
    }
    for (const { path, bytes } of send) {
      const key = path.kind === 'udp' ? path.remote.address : 'pipe'
      this.checks.set(key, (this.checks.get(key) ?? 0) + 1)
      if ('link' in checkTarget(bytes)!) this.asked++
      this.put(path, bytes)
    }
    for (const message of messages) this.#world.carry(this, message)
    for (const event of events) this.#on(event)
    return step
  }

  put(path: Path, bytes: Uint8Array): void {
    if (this.lost(path)) return
    if (path.kind === 'udp') this.#socketOf(path.socket)?.send({ bytes, to: path.remote })
    else this.#world.pipes.get(path.pipe)?.dead === false && this.#world.relay(this, path.pipe, bytes)
  }

  take(bytes: Uint8Array, from: Path): void {
    if (checkTarget(bytes) != null) {
      this.feed({ type: 'packet', bytes, from })
      return
    }
    if (from.kind === 'udp' && !this.accepted.has(keyOf(from))) return
    const heard = this.#heard.get(keyOf(from)) ?? { path: from, count: 0 }
    heard.count++
    this.#heard.set(keyOf(from), heard)
    this.received++
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const seq = view.getUint32(1)
    // an odd first byte is data, an even one acknowledges it
    if (bytes[0] === 0x41) {
      if (!this.arrived.has(seq)) this.arrived.set(seq, this.#world.sim.clock.now())
      this.#data(0x42, seq)
    }
  }

  /** The application sends one datagram, which the other side acknowledges. */
  say(): void {
    this.#data(0x41, ++this.seq)
  }

  #data(kind: number, seq: number): void {
    const bytes = new Uint8Array(64)
    bytes[0] = kind
    new DataView(bytes.buffer).setUint32(1, seq)
    this.#sent++
    if (this.use != null) this.put(this.use, bytes)
    if (this.also != null) this.put(this.also, bytes)
  }

  report(): void {
    if (this.#sent === 0 && this.#heard.size === 0) return
    const input: AgentInput = { type: 'traffic', sent: this.#sent, heard: [...this.#heard.values()] }
    this.#sent = 0
    this.#heard = new Map()
    this.feed(input)
  }

  /** The application's packets go every so many milliseconds. @returns what stops it */
  talk(everyMs: number): () => void {
    const { clock } = this.#world.sim
    let timer: Timer
    const next = () => {
      this.say()
      timer = clock.after(everyMs, next)
    }
    next()
    return () => timer.cancel()
  }

  ofType<T extends AgentEvent['type']>(type: T): Extract<Told, { type: T }>[] {
    return this.events.filter((event): event is Extract<Told, { type: T }> => event.type === type)
  }

  /** The paths it went by: `direct`, `relay`. */
  get route(): string[] {
    return this.ofType('path').map(({ to }) => to.kind)
  }

  #on(event: AgentEvent): void {
    this.events.push({ ...event, atMs: this.#world.sim.clock.now() })
    if (event.type === 'accept') this.accepted.add(keyOf(event.path))
    if (event.type === 'refuse') this.accepted.delete(keyOf(event.path))
    if (event.type === 'use') {
      this.use = event.path
      this.also = event.also
    }
    this.#world.onEvent?.(this, event)
  }

  /** Opens the one socket on a host, and asks a server how it is seen. */
  async moveTo(host: string, port = PORT): Promise<void> {
    const { sim, server } = this.#world
    this.socket?.close()
    const machine = sim.host(host)
    const socket = await machine.udp({ family: 4, port })
    this.socket = socket
    const { seen } = await sim.run(ask(machine, socket, server))
    socket.onPacket((bytes, remote: Endpoint) => {
      if (this.socket === socket) this.take(bytes, { kind: 'udp', socket: SOCKET, remote })
    })
    const at = seen.lastIndexOf(':')
    const observed: PathCandidate = {
      kind: 'observed',
      transport: 'udp',
      address: seen.slice(0, at),
      port: Number(seen.slice(at + 1))
    }
    this.candidates = [observed, { kind: 'host', transport: 'udp', address: machine.ip, port }]
  }

  /** Opens a further socket, as a technique does. */
  async open(number: number, port: number): Promise<void> {
    const machine = this.#world.sim.host(this.name)
    const socket = await machine.udp({ family: 4, port })
    this.further.set(number, socket)
    socket.onPacket((bytes, remote: Endpoint) => this.take(bytes, { kind: 'udp', socket: number, remote }))
  }

  #socketOf(number: number): UdpSocket | undefined {
    return number === SOCKET ? this.socket : this.further.get(number)
  }

  /** Begins as the driver does once both offers are there. */
  begin(theirs: readonly PathCandidate[] = this.other.candidates): void {
    this.feed({ type: 'pipe', pipe: 0, kind: 'relay', relay: 'hub', remote: '11.99.0.10:4001' })
    this.feed({ type: 'sockets', sockets: [{ socket: SOCKET, family: 4 }] })
    this.feed({ type: 'candidates', candidates: this.candidates })
    this.feed({ type: 'message', message: { type: 'CANDIDATES', seq: 0, candidates: theirs } })
    this.feed({ type: 'start' })
  }
}

/** Two agents in a simulated internet, with a relay beside it. */
export class World {
  readonly sim: Sim
  readonly a: Side
  readonly b: Side
  readonly pipes = new Map<number, Pipe>()
  server: Endpoint = { address: '', port: 3478 }
  onEvent: ((side: Side, event: AgentEvent) => void) | undefined
  readonly relayMs: number

  constructor(spec: SimSpec, options: WorldOptions = {}) {
    this.sim = createSim({ ...spec, hub: {} }, { seed: options.seed ?? 1 })
    this.relayMs = options.relayMs ?? 42
    this.pipes.set(0, new Pipe(0, this.relayMs))
    this.a = new Side(this, 'a', options)
    this.b = new Side(this, 'b', options)
  }

  /** Both have their sockets and know how they are seen. */
  async prepare(): Promise<void> {
    const { sim } = this
    const hub = sim.host('hub')
    this.server = { address: hub.ip, port: 3478 }
    await answering(hub, 3478)
    await this.a.moveTo('a')
    await this.b.moveTo('b')
    const report = () => {
      this.a.report()
      this.b.report()
      sim.clock.after(REPORT_MS, report)
    }
    report()
  }

  /** The offers cross the relay: the controlled side has A's a way later, the controlling one B's after two. */
  async connect(): Promise<void> {
    const { clock } = this.sim
    clock.after(this.relayMs, () => this.b.begin())
    clock.after(2 * this.relayMs, () => this.a.begin())
    // the path stream opens when QUIC's handshake is done
    clock.after(4 * this.relayMs, () => this.a.feed({ type: 'stream' }))
    clock.after(4 * this.relayMs, () => this.b.feed({ type: 'stream' }))
    await clock.advance(0)
  }

  advance(ms: number): Promise<void> {
    return this.sim.clock.advance(ms)
  }

  /** Another relayed stream, or a punched TCP connection, told to both sides. */
  attach(number: number, delayMs = this.relayMs, kind: PipeKind = 'relay'): Pipe {
    const pipe = new Pipe(number, delayMs)
    this.pipes.set(number, pipe)
    const relay = kind === 'relay' ? { relay: `hub${number}` } : {}
    for (const side of [this.a, this.b]) {
      side.feed({ type: 'pipe', pipe: number, kind, ...relay, remote: `11.99.${number}.10:4001` })
    }
    return pipe
  }

  relay(from: Side, number: number, bytes: Uint8Array): void {
    const pipe = this.pipes.get(number)!
    pipe.carried++
    for (const laterMs of pipe.mischief?.() ?? [0]) {
      this.sim.clock.after(pipe.delayMs + laterMs, () => {
        if (!pipe.dead) from.other.take(bytes, { kind: 'pipe', pipe: number })
      })
    }
  }

  /** The path stream: it goes by the link, so it arrives as long as anything does, or when something does again. */
  carry(from: Side, message: PathMessage): void {
    this.sim.clock.after(this.relayMs, () => {
      if (from.agent.isCutOff) from.unsent.push(message)
      else from.other.feed({ type: 'message', message })
    })
  }

  [Symbol.dispose](): void {
    this.a.feed({ type: 'cancel' })
    this.b.feed({ type: 'cancel' })
    this.sim.close()
  }
}

export function keysOf(name: 'a' | 'b'): CheckKeys {
  const keys = { a: new Uint8Array(32).fill(1), b: new Uint8Array(32).fill(2) }
  return { link: LINK, mine: keys[name], theirs: keys[name === 'a' ? 'b' : 'a'] }
}

export const NAT = { mapping: 'endpoint-independent' } as const
export const SYMMETRIC = { mapping: 'address-and-port-dependent', allocation: 'random' } as const

/** Both behind NATs of their own; 20 ms from each to the internet's middle. */
export function twoNats(na: object = NAT, nb: object = NAT): SimSpec {
  const link = { delayMs: 20 }
  return {
    na: { ...NAT, link, ...na },
    nb: { ...NAT, link, ...nb },
    a: { behind: 'na' },
    b: { behind: 'nb' }
  }
}
