import type { Timer } from '../../src/core/clock.ts'
import type { Endpoint } from '../../src/core/machine.ts'
import type { Random } from '../../src/core/random.ts'
import { Timers } from '../../src/core/timers.ts'
import { Nat, type NatOptions, type SimPacket } from '../../src/sim/nat/index.ts'
import type { PathCandidate, PathMessage } from '../../src/wire/path.ts'

/** Time that goes from one timer to the next, without promises: a day of a link is some ten thousand of them. */
export class Time {
  #nowMs = 0
  readonly #timers = new Timers()

  get nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, fn: () => void): Timer {
    return this.#timers.add(this.#nowMs + Math.max(0, ms), fn)
  }

  run(untilMs: number): void {
    for (let due = this.#timers.take(untilMs); due != null; due = this.#timers.take(untilMs)) {
      this.#nowMs = due.atMs
      due.fn()
    }
    this.#nowMs = untilMs
  }
}

/** What a datagram of a link is: a check, or what stands for a packet of QUIC. */
export type Payload =
  | { readonly kind: 'check'; readonly bytes: Uint8Array }
  | { readonly kind: 'data' | 'ping' | 'ack' }
  | { readonly kind: 'message'; readonly number: number; readonly message: PathMessage }

interface Packet extends SimPacket {
  readonly payload: Payload
}

/** Whom a site keeps a mapping to: the relay that it has a connection to. */
export const HUB: Endpoint = { address: '11.255.0.1', port: 4001 }
const PORT = 4001
const EIM = 'endpoint-independent'
const APDM = 'address-and-port-dependent'

/** Networks as they are met, and how often of a hundred. `public`: no NAT, no firewall. */
export const KINDS = {
  public: { share: 8 },
  firewall: { share: 7, nat: { mapping: 'none' } },
  home: { share: 40, nat: { mapping: EIM } },
  open: { share: 10, nat: { mapping: EIM, filtering: EIM } },
  'open to hosts': { share: 10, nat: { mapping: EIM, filtering: 'address-dependent' } },
  symmetric: { share: 25, nat: { mapping: APDM, allocation: 'random' } }
} as const satisfies Readonly<Record<string, { readonly share: number; readonly nat?: NatOptions }>>

export type SiteKind = keyof typeof KINDS

/** Networks that let nobody in by whom they have not sent to, port for port. */
const STRICT: ReadonlySet<SiteKind> = new Set(['firewall', 'home', 'symmetric'])

/** Whether checks from both sides find a way: a port that nobody can foresee comes into no strict network. */
export function isPassable(a: SiteKind, b: SiteKind): boolean {
  return !(a === 'symmetric' && STRICT.has(b)) && !(b === 'symmetric' && STRICT.has(a))
}

/** Seconds that a UDP mapping lives once packets went both ways, and how often of a hundred. */
const LIFETIMES: ReadonlyArray<readonly [number, number]> = [
  [30, 15],
  [60, 20],
  [120, 45],
  [300, 20]
]

/** Of rows with a weight, one. */
export function pick<T>(random: Random, rows: ReadonlyArray<readonly [T, number]>): T {
  let left = random.int(
    1,
    rows.reduce((sum, [, weight]) => sum + weight, 0)
  )
  for (const [value, weight] of rows) {
    left -= weight
    if (left <= 0) return value
  }
  throw new RangeError('no rows')
}

/** Where one side of a link is: a network that changes, and a way to the other's. */
export class Site {
  kind: SiteKind = 'public'
  local: Endpoint = HUB
  blocked = false
  offline = false
  lossPercent = 1
  readonly delayMs: number
  #nat: Nat | undefined
  #publicAddress = ''
  readonly #time: Time
  readonly #random: Random
  readonly #index: number
  #networks = 0
  /** The other side's site. */
  peer: Site | undefined
  onPacket: (payload: Payload, from: Endpoint) => void = () => {}

  constructor(time: Time, random: Random, index: number) {
    this.#time = time
    this.#random = random
    this.#index = index
    this.delayMs = random.int(5, 40)
    this.move()
  }

  /** Another network, with other addresses. */
  move(): void {
    this.kind = pick(
      this.#random,
      Object.entries(KINDS).map(([kind, { share }]) => [kind as SiteKind, share] as const)
    )
    this.#publicAddress = `11.${this.#index}.${++this.#networks >> 8}.${this.#networks & 255}`
    const inside = this.kind === 'public' || this.kind === 'firewall'
    this.local = {
      address: inside ? this.#publicAddress : `192.168.${this.#index}.${this.#networks & 255}`,
      port: PORT
    }
    const { nat } = KINDS[this.kind] as { nat?: NatOptions }
    const udpStreamMs = pick(this.#random, LIFETIMES) * 1_000
    const lifetimes = { udpMs: 30_000, udpStreamMs }
    this.#nat =
      nat == null
        ? undefined
        : new Nat(
            { ...nat, lifetimes, inboundRefresh: this.#random.int(0, 1) === 0 },
            { publicAddresses: [this.#publicAddress], random: this.#random }
          )
    this.#nat?.setBlockUdp(this.blocked)
  }

  flush(): void {
    this.#nat?.flush()
  }

  block(blocked: boolean): void {
    this.blocked = blocked
    this.#nat?.setBlockUdp(blocked)
  }

  get publicAddress(): string {
    return this.#publicAddress
  }

  /** As whom the hub sees us; the connection to it keeps the mapping alive. */
  observed(): Endpoint | undefined {
    return this.#leave({ ...this.#head(HUB), payload: { kind: 'ping' } })?.source
  }

  /** Where a node here is, for its peer. */
  candidates(): PathCandidate[] {
    const { local } = this
    const observed = this.observed()
    const at = (kind: PathCandidate['kind'], { address, port }: Endpoint): PathCandidate[] =>
      (['udp', 'tcp'] as const).map(transport => ({ kind, transport, address, port }))
    return [...at('host', local), ...(observed == null ? [] : at('observed', observed))]
  }

  send(to: Endpoint, payload: Payload): void {
    const packet = this.#leave({ ...this.#head(to), payload })
    const { peer } = this
    if (packet == null || peer == null || packet.destination.address !== peer.#publicAddress) return
    if (this.#loses() || peer.#loses()) return
    this.#time.after(this.delayMs + peer.delayMs + this.#jitterMs(), () => peer.#arrive(packet))
  }

  #arrive(packet: Packet): void {
    if (this.offline || (this.blocked && this.#nat == null)) return
    const verdict = this.#nat == null ? { packet } : this.#nat.inbound(this.#time.nowMs, packet)
    if ('packet' in verdict && verdict.packet.destination.port === PORT) {
      this.onPacket(verdict.packet.payload, verdict.packet.source)
    }
  }

  #leave(packet: Packet): Packet | undefined {
    if (this.offline || (this.blocked && this.#nat == null)) return undefined
    if (this.#nat == null) return packet
    const verdict = this.#nat.outbound(this.#time.nowMs, packet)
    return 'packet' in verdict ? verdict.packet : undefined
  }

  #head(destination: Endpoint) {
    return { protocol: 'udp', source: this.local, destination, ttl: 64 } as const
  }

  #loses(): boolean {
    return this.#random.int(1, 1_000) <= this.lossPercent * 10
  }

  /** Mostly a little, now and then a lot. */
  #jitterMs(): number {
    return 100 / this.#random.int(5, 100)
  }
}
