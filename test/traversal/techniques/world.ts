import type { Timer } from '../../../src/core/clock.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import { type Random, seededRandom } from '../../../src/core/random.ts'
import { createSim, type RouterSpec, type Sim } from '../../../src/sim/index.ts'
import type { AttemptResult, Technique } from '../../../src/traversal/technique.ts'
import type { NetworkSummary, TransportSummary } from '../../../src/wire/summary.ts'
import { answering, bytes } from '../../sim/udp.ts'
import { BLOCKED, HOME, summary } from '../summaries.ts'
import { Side } from './side.ts'

const PORT = 4_001
const STUN_PORT = 3_478

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
    ...HOME,
    translated,
    mapping: mapping === 'none' ? null : mapping,
    filtering,
    allocation: translated ? allocation : null,
    step: allocation === 'sequential' ? step : null
  }
  return summary({ udp4, tcp4: BLOCKED, publicAddresses: [address] })
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
