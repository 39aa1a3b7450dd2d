import type { Random } from '../core/random.ts'
import { Nat, type NatVerdict } from './nat/index.ts'
import { natOptions } from './nat-options.ts'
import { embeddedIpv4, embedIpv4 } from './nat64.ts'
import { familyOf } from './nic.ts'
import type { Packet } from './packet.ts'
import type { RouterSpec } from './spec.ts'
import type { Uplink } from './uplink.ts'

/** One uplink of a router, and what happens to packets on their way through it: a NAT or a firewall per address family. */
export class WayOut {
  readonly uplink: Uplink
  /** Of IPv4. */
  readonly nat: Nat
  /** Of IPv6. */
  readonly nat6: Nat
  readonly #hasNat64: boolean

  constructor(spec: RouterSpec, uplink: Uplink, random: Random) {
    const options = natOptions(spec)
    const { ips, ip6 } = uplink.plan
    this.uplink = uplink
    this.#hasNat64 = spec.nat64 === true
    this.nat = new Nat(options, { publicAddresses: spec.mapping === 'none' ? [] : ips, random })
    this.nat6 =
      spec.nat66 === true && ip6 !== undefined
        ? new Nat(options.mapping === 'none' ? { ...options, mapping: 'endpoint-independent' } : options, {
            publicAddresses: [ip6],
            random
          })
        : new Nat({ ...options, mapping: 'none' }, { publicAddresses: [], random })
  }

  get nats(): readonly Nat[] {
    return [this.nat, this.nat6]
  }

  outbound(nowMs: number, packet: Packet): NatVerdict<Packet> {
    const ipv4 = this.#hasNat64 ? embeddedIpv4(packet.destination.address) : undefined
    if (ipv4 !== undefined) {
      // the NAT takes any text for an inside address, so it is a NAT64 as soon as the outside one is IPv4
      const translated = { ...packet, destination: { address: ipv4, port: packet.destination.port } }
      return this.#seenFromInside(this.nat.outbound(nowMs, translated))
    }
    return this.#of(packet).outbound(nowMs, packet)
  }

  inbound(nowMs: number, packet: Packet): NatVerdict<Packet> {
    return this.#seenFromInside(this.#of(packet).inbound(nowMs, packet))
  }

  #of({ destination }: Packet): Nat {
    return familyOf(destination.address) === 4 ? this.nat : this.nat6
  }

  /** An IPv6 host sees IPv4 ones under their IPv6 addresses. */
  #seenFromInside(verdict: NatVerdict<Packet>): NatVerdict<Packet> {
    if (!('packet' in verdict) || verdict.to !== 'inside') return verdict
    const { source, destination } = verdict.packet
    if (familyOf(source.address) === familyOf(destination.address)) return verdict
    return { to: 'inside', packet: { ...verdict.packet, source: { ...source, address: embedIpv4(source.address) } } }
  }
}
