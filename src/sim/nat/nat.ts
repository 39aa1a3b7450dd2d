import { isIP } from 'node:net'
import type { Endpoint } from '../../core/machine.ts'
import type { Random } from '../../core/random.ts'
import type { NatBehaviour, NatOptions } from './behaviour.ts'
import { checkPublicAddresses, natBehaviour } from './behaviour.ts'
import type { IcmpError } from './icmp-error.ts'
import { asIcmpError, toInside, toOutside } from './icmp-error.ts'
import type { Flow, FlowGroup, Mapping, MappingView } from './mapping.ts'
import { endOf, isExplicit, prolong } from './mapping.ts'
import { MappingTable } from './mapping-table.ts'
import type { Protocol, SimPacket } from './packet.ts'
import { PublicEndpoints } from './public-endpoints.ts'
import { nextTcp, PICKED_UP } from './tcp-state.ts'
import { unsolicited } from './unsolicited.ts'
import type { DropReason, NatVerdict } from './verdict.ts'

export interface NatContext {
  /** Its own addresses outside, canonical, of one family. A firewall (mapping `none`) needs none. */
  readonly publicAddresses: readonly string[]
  readonly random: Random
}

/** What a port mapping protocol asks for. */
export interface MappingRequest {
  readonly protocol: Protocol
  readonly internal: Endpoint
  /** Absent: chosen as for a packet, the port inside first. */
  readonly external?: Endpoint
  readonly lifetimeMs: number
}

/**
 * A NAT of one address family, or a stateful firewall: packet in, verdict out. It owns no clock (time is an argument and must not go
 * backwards), no randomness and no socket, so that the simulator and a router of the kernel lab run the same one.
 */
export class Nat {
  readonly behaviour: NatBehaviour
  readonly #table: MappingTable
  readonly #publicAddresses: readonly string[]
  readonly #family: number
  readonly #endpoints: PublicEndpoints
  #blockUdp: boolean

  /** @throws RangeError when an option is not what it may be */
  constructor(options: NatOptions, { publicAddresses, random }: NatContext) {
    this.behaviour = natBehaviour(options)
    if (this.behaviour.mapping !== 'none' || publicAddresses.length > 0) checkPublicAddresses(publicAddresses)
    this.#publicAddresses = publicAddresses
    this.#family = isIP(publicAddresses[0] ?? '')
    this.#endpoints = new PublicEndpoints(this.behaviour, publicAddresses, random)
    this.#table = new MappingTable(this.behaviour)
    this.#blockUdp = this.behaviour.blockUdp
  }

  /** A packet from inside. */
  outbound<Packet extends SimPacket>(nowMs: number, packet: Packet): NatVerdict<Packet> {
    const refused = this.#refuses(packet)
    if (refused) return { drop: refused }
    const turnsBack = this.#publicAddresses.includes(packet.destination.address)
    if (turnsBack && !this.behaviour.hairpin) return { drop: 'no-hairpin' }
    const error = asIcmpError(packet)
    if (error) return this.#errorOut(nowMs, error, turnsBack)
    // before a mapping is made for a packet that will not arrive
    if (turnsBack && !this.#table.byExternal(nowMs, packet.protocol, packet.destination))
      return unsolicited(this.behaviour, packet)
    const left = this.#leave(nowMs, packet)
    if ('drop' in left) return left
    const out = { ...packet, source: left.flow.mapping.external }
    if (!turnsBack) return { to: 'outside', packet: out }
    const verdict = this.#enter(nowMs, out, true)
    if (!('packet' in verdict) || this.behaviour.hairpinSource === 'external') return verdict
    return { to: 'inside', packet: { ...verdict.packet, source: packet.source } }
  }

  /** A packet from outside. */
  inbound<Packet extends SimPacket>(nowMs: number, packet: Packet): NatVerdict<Packet> {
    const refused = this.#refuses(packet)
    if (refused) return { drop: refused }
    const error = asIcmpError(packet)
    return error ? this.#errorIn(nowMs, error) : this.#enter(nowMs, packet, false)
  }

  /**
   * Opens a public endpoint to everybody, for a port mapping protocol; in a firewall, the inside endpoint itself. Asked again for the same
   * one, it gets the new lifetime. New flows of the inside endpoint leave through it, unless there is one that others of it use.
   *
   * @returns undefined when the public endpoint is another's, or none is free
   */
  addMapping(nowMs: number, { protocol, internal, external, lifetimeMs }: MappingRequest): MappingView | undefined {
    const mapping = this.#mappingFor(nowMs, protocol, internal, external)
    if (!mapping) return undefined
    this.#table.keepUntil(mapping, nowMs + lifetimeMs)
    return view(mapping, nowMs)
  }

  /** What was asked for is so no longer; flows that pass through it live on. @returns whether there was one */
  removeMapping(nowMs: number, protocol: Protocol, external: Endpoint): boolean {
    const mapping = this.#table.byExternal(nowMs, protocol, external)
    if (!mapping || !isExplicit(mapping, nowMs)) return false
    this.#table.letGo(nowMs, mapping)
    return true
  }

  /** All that are alive. */
  mappings(nowMs: number): MappingView[] {
    return Array.from(this.#table.mappings(nowMs), mapping => view(mapping, nowMs))
  }

  /** Forgets everything, as after a restart, what was asked for too. */
  flush(): void {
    this.#table.clear()
  }

  setBlockUdp(block: boolean): void {
    this.#blockUdp = block
  }

  #refuses({ protocol, destination, icmp }: SimPacket): DropReason | undefined {
    if (this.#family !== 0 && isIP(destination.address) !== this.#family) return 'foreign-family'
    if (protocol === 'udp' && this.#blockUdp) return 'udp-blocked'
    return icmp && 'about' in icmp && this.behaviour.icmpErrors === 'drop' ? 'icmp-blocked' : undefined
  }

  /** Finds or makes the flow of a packet from inside. */
  #leave(nowMs: number, packet: SimPacket): { flow: Flow } | { drop: DropReason } {
    const { protocol, source, destination, tcp } = packet
    const known = this.#table.flow(nowMs, protocol, source, destination)
    if (known) {
      this.#touch(nowMs, known, packet, 'out')
      return { flow: known }
    }
    // the end of a connection that is not there: nothing to remember
    if (tcp && !tcp.syn && (tcp.rst || tcp.fin)) return { drop: 'no-connection' }
    let mapping = this.#table.forRemote(nowMs, protocol, source, destination)
    if (!mapping) {
      const made = this.#allocate(nowMs, protocol, source)
      if ('drop' in made) return made
      mapping = made
      this.#table.useFor(mapping, this.#table.implicitKey(protocol, source, destination))
    }
    const added = this.#table.addFlow(nowMs, mapping, destination)
    if (!added) return { drop: 'table-full' }
    if (tcp && !tcp.syn) added.flow.tcp = PICKED_UP
    this.#touch(nowMs, added.flow, packet, 'out')
    return { flow: added.flow }
  }

  /** Lets a packet to a public endpoint in, or not. */
  #enter<Packet extends SimPacket>(nowMs: number, packet: Packet, turnedBack: boolean): NatVerdict<Packet> {
    const { protocol, source, destination, tcp } = packet
    const mapping = this.#table.byExternal(nowMs, protocol, destination)
    if (!mapping) return unsolicited(this.behaviour, packet)
    const group = this.#table.group(mapping, source)
    const isWelcome = turnedBack || isExplicit(mapping, nowMs) || this.#admits(nowMs, group)
    if (!isWelcome) return unsolicited(this.behaviour, packet, 'filtered')
    const known = this.#table.flow(nowMs, protocol, mapping.internal, source)
    let flow = known?.mapping === mapping ? known : undefined
    if (!flow) {
      if (tcp && !(tcp.syn && !tcp.ack)) return unsolicited(this.behaviour, packet, 'no-connection')
      flow = this.#table.addFlow(nowMs, mapping, source)?.flow
      if (!flow) return { drop: 'table-full' }
    }
    this.#touch(nowMs, flow, packet, 'in')
    return { to: 'inside', packet: { ...packet, destination: mapping.internal } }
  }

  /** Endpoint-independent filtering asks only for the mapping, whose life is that of its one group. */
  #admits(nowMs: number, group: FlowGroup | undefined): boolean {
    return group !== undefined && group.expiresAtMs > nowMs
  }

  /** Notes that a packet has passed: who has spoken, and until when the flow lives. */
  #touch(nowMs: number, flow: Flow, { protocol, tcp }: SimPacket, way: 'in' | 'out'): void {
    if (way === 'out') flow.spokeOut = true
    else flow.spokeIn = true
    if (tcp) flow.tcp = nextTcp(flow.tcp, tcp, way)
    const group = this.#table.group(flow.mapping, flow.remote)!
    const refreshes = way === 'out' || protocol !== 'udp' || this.behaviour.inboundRefresh
    const expiresAtMs = nowMs + this.#lifetimeMs(flow)
    if (refreshes) prolong(flow, group, expiresAtMs)
    // one that a new remote began lives no longer than that which let it in
    else if (flow.expiresAtMs === 0) prolong(flow, group, Math.min(expiresAtMs, endOf(flow.mapping)))
  }

  #lifetimeMs(flow: Flow): number {
    const { udpMs, udpStreamMs, tcpTransitoryMs, tcpEstablishedMs, icmpMs } = this.behaviour.lifetimes
    const { protocol } = flow.mapping
    switch (protocol) {
      case 'udp':
        return flow.spokeOut && flow.spokeIn ? udpStreamMs : udpMs
      case 'tcp':
        return flow.tcp?.phase === 'established' ? tcpEstablishedMs : tcpTransitoryMs
      case 'icmp':
        return icmpMs
      default:
        return protocol satisfies never
    }
  }

  /** The mapping of an explicit request: one that is there, or a new one. */
  #mappingFor(nowMs: number, protocol: Protocol, internal: Endpoint, wish: Endpoint | undefined): Mapping | undefined {
    const external = this.behaviour.mapping === 'none' ? internal : wish
    if (!external) {
      const made = this.#table.explicitOf(nowMs, protocol, internal) ?? this.#allocate(nowMs, protocol, internal)
      return 'drop' in made ? undefined : made
    }
    const there = this.#table.byExternal(nowMs, protocol, external)
    if (there) return isSame(there.internal, internal) ? there : undefined
    return this.#table.hasRoomFor(nowMs, internal) ? this.#table.add(protocol, internal, external) : undefined
  }

  #allocate(nowMs: number, protocol: Protocol, internal: Endpoint): Mapping | { drop: DropReason } {
    if (!this.#table.hasRoomFor(nowMs, internal)) return { drop: 'table-full' }
    if (this.behaviour.mapping === 'none') return this.#table.add(protocol, internal, internal)
    const isFree = (endpoint: Endpoint) => !this.#table.byExternal(nowMs, protocol, endpoint)
    const external = this.#endpoints.choose(protocol, internal, isFree)
    return external ? this.#table.add(protocol, internal, external) : { drop: 'no-port' }
  }

  #errorIn<Packet extends SimPacket>(nowMs: number, error: IcmpError<Packet>): NatVerdict<Packet> {
    const { protocol, source, destination } = error.about
    const mapping = this.#table.byExternal(nowMs, protocol, source)
    const flow = mapping && this.#table.flow(nowMs, protocol, mapping.internal, destination)
    if (!flow || flow.mapping !== mapping) return { drop: 'no-mapping' }
    return { to: 'inside', packet: toInside(error, mapping.internal) }
  }

  #errorOut<Packet extends SimPacket>(nowMs: number, error: IcmpError<Packet>, turnsBack: boolean): NatVerdict<Packet> {
    const { protocol, source, destination } = error.about
    const flow = this.#table.flow(nowMs, protocol, destination, source)
    if (!flow) return { drop: 'no-mapping' }
    const { external } = flow.mapping
    const packet = toOutside(error, external, this.behaviour.mapping === 'none' ? undefined : external.address)
    const again = turnsBack ? asIcmpError(packet) : undefined
    return again ? this.#errorIn(nowMs, again) : { to: 'outside', packet }
  }
}

function view(mapping: Mapping, nowMs: number): MappingView {
  const { protocol, internal, external } = mapping
  return { protocol, internal, external, explicit: isExplicit(mapping, nowMs), expiresAtMs: endOf(mapping) }
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port
}
