import type { Timer } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Family, UdpSocket } from '../../core/net.ts'
import { encodeNatPmpResponse, NAT_PMP_VERSION } from '../../wire/natpmp.ts'
import { PCP_ANNOUNCE_GROUPS, PCP_CLIENT_PORT, PCP_SERVER_PORT } from '../../wire/pcp/codes.ts'
import { encodePcpResponse } from '../../wire/pcp/message.ts'
import { encodeSsdp, SSDP_GROUPS, SSDP_PORT } from '../../wire/upnp/ssdp.ts'
import type { SimHost } from '../host.ts'
import { serveHttp } from '../http/server.ts'
import type { Sim } from '../network.ts'
import { familyOf } from '../nic.ts'
import { answerHttp, type Igd } from './control.ts'
import { DESCRIPTION_PATH, gatewayDescription, UPNP_HTTP_PORT } from './description.ts'
import { Pinholes } from './firewall-service.ts'
import { type Lease, Leases } from './leases.ts'
import { answerNatPmp } from './natpmp.ts'
import type { GatewayCounts, GatewayFaults, GatewayOptions } from './options.ts'
import { answerPcp } from './pcp.ts'
import type { Service } from './service.ts'
import { announcements, answerSearch } from './ssdp.ts'

const DEFAULT_MAX_LIFETIME_SECONDS = 7_200
const EMPTY_COUNTS = () => ({ in: 0, out: 0 })

/**
 * Gives a router of the network a port mapping side: PCP, NAT-PMP and UPnP IGD, as far as the options say.
 *
 * @throws RangeError when there is no router of that name
 */
export async function openGateway(sim: Sim, router: string, options: GatewayOptions = {}): Promise<SimGateway> {
  const gateway = new SimGateway(sim, router, options)
  await gateway.start()
  return gateway
}

/** The port mapping side of a router. */
export class SimGateway {
  readonly counts: GatewayCounts = {
    pcp: EMPTY_COUNTS(),
    natPmp: EMPTY_COUNTS(),
    ssdp: EMPTY_COUNTS(),
    http: EMPTY_COUNTS()
  }
  readonly #sim: Sim
  readonly #router: string
  readonly #options: GatewayOptions
  readonly #host: SimHost
  readonly #leases: Leases
  readonly #pinholes = new Pinholes()
  readonly #external: string
  readonly #closers: (() => void)[] = []
  readonly #sockets = new Map<string, UdpSocket>()
  readonly #waiting = new Set<Timer>()
  #faults: GatewayFaults
  #startedAtMs: number
  #bootId = 1

  constructor(sim: Sim, router: string, options: GatewayOptions) {
    const { ways, wan } = sim.router(router)
    const { nat, nat6 } = ways[0]!
    this.#sim = sim
    this.#router = router
    this.#options = options
    this.#host = sim.host(router)
    this.#external = wan
    this.#leases = new Leases({ clock: sim.clock, nat, nat6, external: this.#external })
    this.#faults = options.faults ?? {}
    this.#startedAtMs = sim.clock.now()
  }

  /** Mappings that were asked for and live. */
  get leases(): readonly Lease[] {
    return this.#leases.all
  }

  /** What goes wrong from now on, and nothing else. */
  setFaults(faults: GatewayFaults): void {
    this.#faults = faults
  }

  /** Opens its sockets. */
  async start(): Promise<void> {
    const { pcp = true, natPmp = true, upnp = 2 } = this.#options
    if (pcp || natPmp) await this.#serve(PCP_SERVER_PORT, (bytes, from) => this.#onMapping(bytes, from))
    if (upnp === false) return
    const igd = (): Igd => ({
      service: this.#service(),
      version: upnp,
      description: this.#description(upnp),
      pinholes: this.#pinholes
    })
    const http = serveHttp(this.#host, UPNP_HTTP_PORT, async request => {
      this.counts.http.in++
      await this.#takesTime()
      this.counts.http.out++
      return answerHttp(igd(), request)
    })
    this.#closers.push(() => http.close())
    const search = (bytes: Uint8Array, from: Endpoint): Uint8Array[] => {
      this.counts.ssdp.in++
      const location = this.#location(familyOf(from.address))
      return answerSearch(bytes, this.#description(upnp).device, location).map(answer => encodeSsdp(answer))
    }
    await this.#serve(SSDP_PORT, search, this.counts.ssdp)
  }

  /** As when the power fails: all mappings and connections are lost, the epoch begins anew, and it says that it is back. */
  reboot(): void {
    this.#leases.clear()
    this.#pinholes.clear()
    this.#sim.flushNat(this.#router)
    this.#startedAtMs = this.#sim.clock.now()
    this.#bootId++
    this.#announce()
  }

  /** Closes its sockets: nobody answers any more. Mappings live on. */
  close(): void {
    for (const close of this.#closers.splice(0)) close()
    for (const timer of this.#waiting) timer.cancel()
    this.#waiting.clear()
  }

  #service(): Service {
    const { maxLifetimeSeconds = DEFAULT_MAX_LIFETIME_SECONDS } = this.#options
    const { externalAddress, lifetimeSeconds, epochSeconds } = this.#faults
    const nowMs = this.#sim.clock.now()
    return {
      leases: this.#leases,
      faults: this.#faults,
      epochSeconds: epochSeconds ?? Math.floor((nowMs - this.#startedAtMs) / 1000),
      externalAddress: externalAddress ?? this.#external,
      lifetimeMs: asked => Math.min(asked, maxLifetimeSeconds) * 1000,
      toldSeconds: lease => lifetimeSeconds ?? Math.ceil((lease.expiresAtMs - nowMs) / 1000),
      toldAddress: address => (address === this.#external ? (externalAddress ?? address) : address)
    }
  }

  #onMapping(bytes: Uint8Array, from: Endpoint): Uint8Array[] {
    const { pcp = true, natPmp = true } = this.#options
    const isNatPmp = natPmp && (!pcp || bytes[0] === NAT_PMP_VERSION)
    const counts = isNatPmp ? this.counts.natPmp : this.counts.pcp
    counts.in++
    const answer = (isNatPmp ? answerNatPmp : answerPcp)(this.#service(), bytes, from)
    if (answer && this.#faults.silent !== true) counts.out++
    return answer ? [answer] : []
  }

  /** Answers datagrams, in both families and to those who ask everybody. */
  async #serve(
    port: number,
    answer: (bytes: Uint8Array, from: Endpoint) => readonly Uint8Array[],
    counts?: { out: number }
  ): Promise<void> {
    const families = this.#host.ip6 === undefined ? ([4] as const) : ([4, 6] as const)
    for (const family of families) {
      const groups = port === SSDP_PORT ? (family === 4 ? [SSDP_GROUPS[4]] : [SSDP_GROUPS[6], SSDP_GROUPS.site6]) : []
      const socket = await this.#host.udp({ family, port, groups })
      socket.onPacket((bytes, from) => this.#reply(socket, from, answered(answer, bytes, from), counts))
      this.#sockets.set(keyOf(port, family), socket)
      this.#closers.push(() => socket.close())
    }
  }

  #reply(socket: UdpSocket, to: Endpoint, answers: readonly Uint8Array[], counts: { out: number } | undefined): void {
    if (this.#faults.silent === true || answers.length === 0) return
    const timer = this.#sim.clock.after(this.#faults.answerMs ?? 0, () => {
      this.#waiting.delete(timer)
      for (const bytes of answers) socket.send({ bytes, to })
      if (counts) counts.out += answers.length
    })
    this.#waiting.add(timer)
  }

  async #takesTime(): Promise<void> {
    const { silent = false, answerMs = 0 } = this.#faults
    if (!silent && answerMs === 0) return
    await new Promise<void>(resolve => {
      // who is silent leaves the client waiting until that gives up
      if (silent) return
      const timer = this.#sim.clock.after(answerMs, () => {
        this.#waiting.delete(timer)
        resolve()
      })
      this.#waiting.add(timer)
    })
  }

  /** RFC 6887 section 14.1.3, RFC 6886 section 3.2.1, UPnP Device Architecture 2.0 section 1.2: from the servers' own ports. */
  #announce(): void {
    const { pcp = true, natPmp = true, upnp = 2 } = this.#options
    const { epochSeconds, externalAddress } = this.#service()
    for (const family of [4, 6] as const) {
      const socket = this.#sockets.get(keyOf(PCP_SERVER_PORT, family))
      const to = { address: PCP_ANNOUNCE_GROUPS[family], port: PCP_CLIENT_PORT }
      if (pcp) {
        const back = { opcode: 'ANNOUNCE', result: 'SUCCESS', lifetimeSeconds: 0, epochSeconds } as const
        socket?.send({ bytes: encodePcpResponse(back), to })
      }
      if (natPmp && family === 4) {
        const back = { opcode: 'address', result: 'SUCCESS', externalAddress, epochSeconds } as const
        socket?.send({ bytes: encodeNatPmpResponse(back), to })
      }
    }
    if (upnp === false) return
    const socket = this.#sockets.get(keyOf(SSDP_PORT, 4))
    for (const note of announcements('alive', this.#description(upnp).device, this.#location(4), this.#bootId)) {
      socket?.send({ bytes: encodeSsdp(note), to: { address: SSDP_GROUPS[4], port: SSDP_PORT } })
    }
  }

  #description(version: 1 | 2) {
    return gatewayDescription(this.#router, version, this.#host.ip6 !== undefined)
  }

  /** In the family that was asked in (UPnP Device Architecture 2.0 annex A.4): pinholes are for the address that the client calls from. */
  #location(family: Family): string {
    const address = family === 4 ? this.#host.ip : `[${this.#host.ip6}]`
    return `http://${address}:${UPNP_HTTP_PORT}${DESCRIPTION_PATH}`
  }
}

function keyOf(port: number, family: Family): string {
  return `${port} ${family}`
}

/** Nothing to what cannot be read. */
function answered(
  answer: (bytes: Uint8Array, from: Endpoint) => readonly Uint8Array[],
  bytes: Uint8Array,
  from: Endpoint
): readonly Uint8Array[] {
  try {
    return answer(bytes, from)
  } catch (error) {
    if (error instanceof NatError && error.code === 'MALFORMED') return []
    throw error
  }
}
