import type { Timer } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import type { UdpSocket } from '../../../src/core/net.ts'
import { type Random, seededRandom } from '../../../src/core/random.ts'
import { createSim, type RouterSpec, type Sim, type SimHost } from '../../../src/sim/index.ts'
import type { KnownPath } from '../../../src/traversal/paths/api.ts'
import type { AttemptResult, LinkAttempt, Technique } from '../../../src/traversal/technique.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'
import type { NetworkSummary, TransportSummary } from '../../../src/wire/summary.ts'
import { answering, bytes, text } from '../../sim/udp.ts'

const PORT = 4_001
const STUN_PORT = 3_478
const STUN_MS = 1_000
/** Stands for the keys of the link: who does not know it is not heard. */
const LINK = 'beeline'

export interface WorldOptions {
  readonly seed?: number
  /** One way through the relay. */
  readonly relayMs?: number
  /** Mappings that others behind each NAT make in a second. */
  readonly busy?: number
}

/** What a side's network report would say of that router. */
export function summaryOf(nat: RouterSpec, address: string): NetworkSummary {
  const { mapping, filtering = 'address-and-port-dependent', allocation = 'preserving', step = 1 } = nat
  const translated = mapping !== 'none'
  const udp4: TransportSummary = {
    ok: true,
    translated,
    mapping: mapping === 'none' ? null : mapping,
    filtering,
    allocation: translated ? allocation : null,
    step: allocation === 'sequential' ? step : null,
    hairpin: false
  }
  const none = { ...udp4, ok: false, translated: null, mapping: null, filtering: null, allocation: null, step: null }
  return {
    udp4,
    udp6: none,
    tcp4: none,
    tcp6: none,
    publicAddresses: [address],
    mapped: false,
    reachability: 'private',
    uplinks: 1
  }
}

/** One side's attempt, its sockets in the simulated internet. Checks are plain: a question, its answer, and a question back. */
export class Side implements LinkAttempt {
  readonly on = 'link'
  readonly role: LinkAttempt['role']
  readonly clock: LinkAttempt['clock']
  readonly random: Random
  readonly found: Promise<KnownPath>
  readonly controller = new AbortController()
  readonly signal = this.controller.signal
  mine: NetworkSummary | undefined
  theirs: NetworkSummary | undefined
  readonly sockets: UdpSocket[] = []
  /** Probes that left, by the host they went to. */
  readonly probes = new Map<string, number>()
  readonly probed: Endpoint[] = []
  /** Whether one may leave now. */
  allows: (to: Endpoint) => boolean = () => true
  maxSockets = 1_024
  announced: readonly PathCandidate[] = []
  /** What becomes of a message to the other side. */
  deliver: (message: Uint8Array) => void
  foundAtMs: number | undefined
  readonly #host: SimHost
  readonly #world: World
  readonly #resolve: (path: KnownPath) => void
  readonly #asked = new Map<number, Map<string, Endpoint>>()
  readonly #heard: Uint8Array[] = []
  #wake: (() => void) | undefined

  constructor(world: World, role: LinkAttempt['role'], host: SimHost, seed: number) {
    this.#world = world
    this.#host = host
    this.role = role
    this.clock = world.sim.clock
    this.random = seededRandom(seed)
    const { promise, resolve } = Promise.withResolvers<KnownPath>()
    this.found = promise
    this.#resolve = resolve
    this.deliver = message => this.#world.relay(() => this.other.push(message))
  }

  get other(): Side {
    return this === this.#world.a ? this.#world.b : this.#world.a
  }

  get sent(): number {
    return [...this.probes.values()].reduce((sum, count) => sum + count, 0)
  }

  candidates() {
    return { mine: this.announced, theirs: this.other.announced }
  }

  mainSocket(): number {
    return 0
  }

  async openSockets(count: number): Promise<readonly number[]> {
    if (this.sockets.length + count > this.maxSockets) throw new NatError('LIMIT', 'too many sockets')
    const first = this.sockets.length
    for (let n = 0; n < count; n++) await this.open(0)
    return Array.from({ length: count }, (_, n) => first + n)
  }

  async open(port: number): Promise<void> {
    const socket = await this.#host.udp({ family: 4, port })
    const id = this.sockets.push(socket) - 1
    socket.onPacket((packet, from) => this.#take(id, text(packet), from))
  }

  probe(from: number, to: Endpoint): boolean {
    if (this.signal.aborted || !this.allows(to)) return false
    this.probes.set(to.address, (this.probes.get(to.address) ?? 0) + 1)
    this.probed.push(to)
    this.#ask(from, to)
    return true
  }

  observe(socket: number): Promise<Endpoint | undefined> {
    const { promise, resolve } = Promise.withResolvers<Endpoint | undefined>()
    const hub = this.#world.hub
    const timers: Timer[] = []
    const end = (as: Endpoint | undefined) => {
      for (const timer of timers) timer.cancel()
      stop()
      resolve(as)
    }
    const stop = this.sockets[socket]!.onPacket((packet, from) => {
      if (from.address !== hub.address || from.port !== hub.port) return
      const [address = '', port] = text(packet).split(':')
      end({ address, port: Number(port) })
    })
    const send = () => this.sockets[socket]!.send({ bytes: bytes('?'), to: hub })
    timers.push(
      this.clock.after(STUN_MS / 4, send),
      this.clock.after(STUN_MS, () => end(undefined))
    )
    send()
    return promise
  }

  say(message: Uint8Array): void {
    if (message.length === 0 || message.length > 1_024) throw new RangeError(`${message.length} bytes`)
    if (!this.signal.aborted) this.deliver(message)
  }

  push(message: Uint8Array): void {
    this.#heard.push(message)
    this.#wake?.()
  }

  async hear(): Promise<Uint8Array> {
    while (this.#heard.length === 0) {
      this.signal.throwIfAborted()
      await new Promise<void>(resolve => {
        this.#wake = resolve
        this.signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    return this.#heard.shift()!
  }

  checkPairs(): Promise<AttemptResult> {
    throw new Error('not here')
  }

  punchTcp(): Promise<AttemptResult> {
    throw new Error('not here')
  }

  addTarget(): void {
    throw new Error('not here')
  }

  close(): void {
    for (const socket of this.sockets) socket.close()
  }

  #ask(socket: number, to: Endpoint): void {
    const asked = this.#asked.get(socket) ?? new Map<string, Endpoint>()
    this.#asked.set(socket, asked.set(`${to.address}:${to.port}`, to))
    this.sockets[socket]?.send({ bytes: bytes(`${LINK} Q`), to })
  }

  #take(socket: number, packet: string, from: Endpoint): void {
    const hasAsked = this.#asked.get(socket)?.has(`${from.address}:${from.port}`) === true
    if (packet === `${LINK} Q`) {
      this.sockets[socket]!.send({ bytes: bytes(`${LINK} A`), to: from })
      if (!hasAsked) this.#ask(socket, from)
      else if (this.foundAtMs == null) this.sockets[socket]!.send({ bytes: bytes(`${LINK} Q`), to: from })
    }
    if (packet === `${LINK} A` && hasAsked && this.foundAtMs == null) {
      this.foundAtMs = this.clock.now()
      this.#resolve({
        path: { kind: 'udp', socket, remote: from },
        kind: 'direct',
        transport: 'udp',
        technique: 'found',
        rttMs: undefined
      })
    }
  }
}

/** Two peers behind a router each, 20 ms from the internet's middle, with a hub, a relay, and neighbours. */
export class World {
  readonly sim: Sim
  readonly a: Side
  readonly b: Side
  readonly relayMs: number
  hub: Endpoint = { address: '', port: STUN_PORT }
  readonly #nats: readonly [RouterSpec, RouterSpec]
  readonly #busy: number
  readonly #random: Random
  readonly #neighbours = new Set<Timer>()
  startMs = 0

  constructor(na: RouterSpec, nb: RouterSpec, { seed = 1, relayMs = 42, busy = 0 }: WorldOptions = {}) {
    const link = { delayMs: 20 }
    this.sim = createSim(
      {
        na: { link, ...na },
        nb: { link, ...nb },
        a: { behind: 'na' },
        b: { behind: 'nb' },
        ca: { behind: 'na' },
        cb: { behind: 'nb' },
        hub: {}
      },
      { seed }
    )
    this.relayMs = relayMs
    this.#nats = [na, nb]
    this.#busy = busy
    this.#random = seededRandom(seed + 3)
    this.a = new Side(this, 'controlling', this.sim.host('a'), seed + 1)
    this.b = new Side(this, 'controlled', this.sim.host('b'), seed + 2)
  }

  /** Both have their main sockets, know how they are seen, and have tried what is cheaper in vain. */
  async prepare(): Promise<void> {
    const { sim, a, b } = this
    this.hub = { address: sim.host('hub').ip, port: STUN_PORT }
    await answering(sim.host('hub'), STUN_PORT)
    for (const [side, nat, name] of [
      [a, this.#nats[0], 'a'],
      [b, this.#nats[1], 'b']
    ] as const) {
      await side.open(PORT)
      const seen = await sim.run(side.observe(0))
      const host = sim.host(name)
      side.mine = summaryOf(nat, host.publicIp)
      side.announced = [
        { kind: 'observed', transport: 'udp', ...seen! },
        { kind: 'host', transport: 'udp', address: host.ip, port: PORT }
      ]
    }
    a.theirs = b.mine
    b.theirs = a.mine
    for (const side of [a, b]) {
      for (const { kind, address, port } of side.other.announced) {
        if (kind === 'observed') side.sockets[0]!.send({ bytes: bytes('a punch'), to: { address, port } })
      }
    }
    if (this.#busy > 0) for (const name of ['ca', 'cb']) this.#beBusy(name)
    await sim.clock.advance(500)
  }

  /** Both attempts: the side that agrees begins, the other one does when it has heard of it. */
  async meet(technique: Technique, theirs: Technique = technique): Promise<[AttemptResult, AttemptResult]> {
    const { sim, a, b } = this
    this.startMs = sim.clock.now()
    const atB = theirs.attempt(b)
    const atA = new Promise<AttemptResult>(resolve => this.relay(() => resolve(technique.attempt(a))))
    return sim.run(Promise.all([atA, atB]), 60_000)
  }

  relay(deliver: () => void): void {
    this.sim.clock.after(this.relayMs, deliver)
  }

  /** Milliseconds until both had the path. */
  get foundMs(): number | undefined {
    const { a, b } = this
    return a.foundAtMs == null || b.foundAtMs == null ? undefined : Math.max(a.foundAtMs, b.foundAtMs) - this.startMs
  }

  /** Nothing of the attempts is left but what the test made itself. @returns timers that are set */
  async leftovers(): Promise<number> {
    for (const timer of this.#neighbours) timer.cancel()
    await this.sim.clock.advance(500)
    return this.sim.clock.pending
  }

  #beBusy(name: string): void {
    const host = this.sim.host(name)
    const next = () => {
      const waitMs = (-Math.log(this.#random.int(1, 1_000_000) / 1_000_000) * 1_000) / this.#busy
      const timer = this.sim.clock.after(waitMs, () => {
        this.#neighbours.delete(timer)
        void host.udp({ family: 4 }).then(socket => {
          socket.send({ bytes: bytes('hello'), to: { address: this.hub.address, port: 9 } })
          socket.close()
        })
        next()
      })
      this.#neighbours.add(timer)
    }
    next()
  }

  [Symbol.dispose](): void {
    for (const timer of this.#neighbours) timer.cancel()
    this.a.close()
    this.b.close()
    this.sim.close()
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
