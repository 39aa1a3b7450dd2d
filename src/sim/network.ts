import { VirtualClock } from '../core/clock.ts'
import { type Random, seededRandom } from '../core/random.ts'
import { checkLink, checkSpec } from './check-spec.ts'
import { SimHost } from './host.ts'
import { INTERNET, Internet } from './internet.ts'
import { Names } from './names.ts'
import type { Nic } from './nic.ts'
import type { Packet } from './packet.ts'
import { type PlannedNode, type PlannedUplink, planSim } from './plan.ts'
import { Router } from './router.ts'
import { isRouter, type LinkSpec, type RouterSpec, type SimSpec } from './spec.ts'
import { type PacketCounts, type PacketEvent, Traffic } from './traffic.ts'
import { Uplink } from './uplink.ts'

export interface SimOptions {
  /** Of everything that is random in it: the same seed, the same packets at the same times. @default 1 */
  readonly seed?: number
}

/**
 * Makes an internet in this process, in virtual time: nothing moves but by its clock. See docs/sim.md.
 *
 * @throws RangeError when the spec is wrong
 */
export function createSim(spec: SimSpec, { seed = 1 }: SimOptions = {}): Sim {
  checkSpec(spec)
  return new Sim(planSim(spec), seededRandom(seed))
}

export class Sim {
  readonly clock = new VirtualClock()
  readonly names = new Names(this.clock)
  readonly #traffic = new Traffic(this.clock)
  readonly #internet = new Internet(this.#traffic)
  readonly #hosts = new Map<string, SimHost>()
  readonly #routers = new Map<string, Router>()
  readonly #uplinks = new Map<string, readonly Uplink[]>()

  constructor(plan: readonly PlannedNode[], random: Random) {
    for (const node of plan) this.#add(node, () => seededRandom(random.int(0, 2 ** 32 - 1)))
  }

  /** A host by name, or the machine that a router is to those behind it. @throws RangeError when there is none of that name */
  host(name: string): SimHost {
    return this.#find(this.#hosts, name)
  }

  /** A router by name. @throws RangeError when there is none of that name */
  router(name: string): Router {
    return this.#find(this.#routers, name)
  }

  /** Packets of a node, or of `internet`, since the beginning. */
  counts(name: string): PacketCounts {
    return this.#traffic.of(name === INTERNET ? name : this.host(name).name)
  }

  /** Shows what happens to each packet at each node. @returns a function that stops it */
  onPacket(listener: (event: PacketEvent) => void): () => void {
    return this.#traffic.on(listener)
  }

  /** Changes the link of a node; what is left out of the new one has its default. */
  setLink(name: string, link: LinkSpec, uplink = 0): void {
    checkLink(link, what => new RangeError(`node '${name}': ${what}`))
    this.#uplink(name, uplink).change(link)
  }

  /** Cuts a node off: its packets are lost, in silence. */
  down(name: string, uplink = 0): void {
    this.#uplink(name, uplink).cut = true
  }

  /** Connects it again. */
  up(name: string, uplink = 0): void {
    this.#uplink(name, uplink).cut = false
  }

  /** A router drops UDP in both directions, or no longer. */
  setBlockUdp(router: string, block: boolean): void {
    this.router(router).setBlockUdp(block)
  }

  /** A router forgets all connections and mappings, as when it restarts. */
  flushNat(router: string): void {
    this.router(router).flush()
  }

  /**
   * Lets time pass until the promise has settled, from one event to the next.
   *
   * @throws what the promise rejects with; Error when nothing is left that could settle it, or after `maxMs`
   */
  async run<T>(promise: Promise<T>, maxMs = 3_600_000): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    // it is awaited below, if ever it settles
    watched.catch(() => {})
    const endMs = this.clock.now() + maxMs
    await this.clock.advance(0)
    while (!settled) {
      const nextMs = this.clock.nextAtMs
      if (nextMs === undefined) throw new Error('nothing is under way, and no timer set, that could settle the promise')
      if (nextMs > endMs) throw new Error(`not settled after ${maxMs} ms`)
      await this.clock.advance(nextMs - this.clock.now())
    }
    return watched
  }

  /** Closes all sockets. What is under way never arrives, and no timer of the network is left. */
  close(): void {
    for (const host of this.#hosts.values()) host.close()
    for (const uplinks of this.#uplinks.values()) for (const uplink of uplinks) uplink.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #add(node: PlannedNode, fork: () => Random): void {
    if (isRouter(node.spec)) this.#addRouter(node, node.spec, fork)
    else this.#addHost(node, fork)
  }

  #addHost({ name, uplinks }: PlannedNode, fork: () => Random): void {
    const cables: Uplink[] = []
    const nics = uplinks.map(plan => nicOf(plan, packet => this.#transmit(name, cables[plan.index]!, packet)))
    const host: SimHost = this.#makeHost(name, nics, uplinks[0].publicIp, fork())
    for (const plan of uplinks) {
      cables.push(this.#connect(plan, { fromAbove: (_, packet) => host.receive(packet) }, fork()))
      if (this.#behindNat64(plan)) this.names.useDns64(name)
    }
    this.#uplinks.set(name, cables)
  }

  #addRouter({ name, uplinks, lan }: PlannedNode, spec: RouterSpec, fork: () => Random): void {
    const { clock } = this
    const { ip, ip6 } = lan!
    const transmit = (packet: Packet) => router.fromSelf(packet)
    const nic = { name: 'lan', ips: [ip], ip6, gateway: undefined, gateway6: undefined, transmit }
    const self = this.#makeHost(name, [nic], uplinks[0].publicIp, fork())
    const toSelf = (packet: Packet) => self.receive(packet)
    const router = new Router({ name, spec, lan: lan!, clock, random: fork(), traffic: this.#traffic, toSelf })
    const cables = uplinks.map(plan => this.#connect(plan, router, fork()))
    for (const cable of cables) router.addUplink(cable)
    this.#routers.set(name, router)
    this.#uplinks.set(name, cables)
  }

  #makeHost(name: string, nics: readonly Nic[], publicIp: string, random: Random): SimHost {
    const { clock, names } = this
    const host = new SimHost({ name, nics, publicIp, clock, random, traffic: this.#traffic, names })
    this.#hosts.set(name, host)
    return host
  }

  /** Plugs a cable in, and tells all above it, up to the first NAT, where its addresses are. */
  #connect(plan: PlannedUplink, lower: ConstructorParameters<typeof Uplink>[1], random: Random): Uplink {
    const upper = plan.behind === undefined ? this.#internet : this.router(plan.behind)
    const cable = new Uplink(plan, lower, upper, this.clock, random)
    for (const address of [...plan.ips, ...(plan.ip6 === undefined ? [] : [plan.ip6])]) cable.announce(address)
    return cable
  }

  #behindNat64({ behind }: PlannedUplink): boolean {
    return behind !== undefined && this.router(behind).hasNat64
  }

  #transmit(name: string, cable: Uplink, packet: Packet): void {
    const verdict = cable.up(packet)
    if (verdict === 'carried') return
    this.#traffic.drop(name, verdict, packet)
  }

  #uplink(name: string, index: number): Uplink {
    const uplink = this.#find(this.#uplinks, name)[index]
    if (!uplink) throw new RangeError(`'${name}' has no uplink ${index}`)
    return uplink
  }

  #find<T>(all: ReadonlyMap<string, T>, name: string): T {
    const found = all.get(name)
    if (!found) throw new RangeError(`no '${name}' in this network, only ${[...all.keys()].join(', ')}`)
    return found
  }
}

function nicOf({ index, ips, ip6, gateway, gateway6 }: PlannedUplink, transmit: (packet: Packet) => void): Nic {
  return { name: `eth${index}`, ips, ip6, gateway, gateway6, transmit }
}
