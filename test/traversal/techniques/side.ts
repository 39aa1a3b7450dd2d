import type { Timer } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import type { UdpSocket } from '../../../src/core/net.ts'
import { type Random, seededRandom } from '../../../src/core/random.ts'
import type { SimHost } from '../../../src/sim/index.ts'
import type { KnownPath } from '../../../src/traversal/paths/api.ts'
import type { AttemptResult, LinkAttempt } from '../../../src/traversal/technique.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'
import type { NetworkSummary } from '../../../src/wire/summary.ts'
import { bytes, text } from '../../sim/udp.ts'
import type { World } from './world.ts'

const STUN_MS = 1_000
/** Stands for the keys of the link: who does not know it is not heard. */
const LINK = 'beeline'

/** One side's attempt, its sockets in the simulated internet. Checks are plain: a question, its answer, and a question back. */
export class Side implements LinkAttempt {
  readonly on = 'link'
  readonly peer = 'other side'
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
