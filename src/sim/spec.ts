import type { NatOptions } from './nat/behaviour.ts'

/** What a cable does to packets, the same in both directions. */
export interface LinkSpec {
  /** One way. @default 0 */
  delayMs?: number
  /** Each packet's delay is uniform in delayMs ± jitterMs, so packets overtake each other; 0 keeps their order. @default 0 */
  jitterMs?: number
  /** Of each packet on its own, 0-100. @default 0 */
  lossPercent?: number
  /** How many packets overtake the others, because they are not delayed, 0-100. @default 0 */
  reorderPercent?: number
  /** Megabits a second; what does not fit waits, what waits too long is dropped. @default unlimited */
  rateMbit?: number
  /** The largest IP packet in bytes. Larger ones are dropped: nothing is fragmented here. @default 1,500 */
  mtu?: number
  /** Whether nobody is told of a packet that was too large (RFC 2923 section 2.1). @default false */
  blackHole?: boolean
}

/** One way out of a node. */
export interface UplinkSpec {
  /** The router that it leads to; without one it is on the internet. */
  behind?: string
  /** Shapes it. */
  link?: LinkSpec
}

interface NodeSpec extends UplinkSpec {
  /** Several ways out, in place of `behind` and `link`. The first is the default route; sockets bound to another one's address use that. */
  uplinks?: readonly UplinkSpec[]
  /** Whether it has IPv6, global and not translated unless a router says so. A router has it when anything behind it does. @default false */
  ipv6?: boolean
  /** How many IPv4 addresses each uplink has: two for a STUN server with an alternate address, more for a NAT with a pool. @default 1 */
  addresses?: number
}

export interface HostSpec extends NodeSpec {
  /** @default true; without it the host has IPv6 only */
  ipv4?: boolean
}

/** What becomes of packets from the internet that nobody asked for. `accept` is the kernel lab's alone. */
export type Unsolicited = 'drop' | 'reset' | 'accept'

/** A router: the words of the NAT engine (nat/behaviour.ts), and what is around it. */
export interface RouterSpec extends NodeSpec, Omit<NatOptions, 'unsolicited'> {
  unsolicited?: Unsolicited
  /** Who translates in the kernel lab; here there is only one. */
  engine?: 'kernel' | 'sim'
  /** How long an idle UDP mapping lives, whether or not both sides have spoken. @default 30 s, and 120 s once both have */
  mappingLifetimeSeconds?: number
  /** Whether IPv6 is translated too (one address for all, RFC 6296's stateful cousin), or only filtered. @default false */
  nat66?: boolean
  /** Whether IPv6 hosts reach IPv4 through 64:ff9b::/96 (RFC 6146), which names then resolve to (RFC 6147). @default false */
  nat64?: boolean
  /** With several uplinks: what takes the next one in turn, each new destination address or each new connection. @default 'destination' */
  balance?: 'destination' | 'connection'
}

/** The nodes of a network by name: a node with a `mapping` is a router, all others are hosts. */
export type SimSpec = Readonly<Record<string, HostSpec | RouterSpec>>

export function isRouter(node: HostSpec | RouterSpec): node is RouterSpec {
  return 'mapping' in node
}

/** A node's ways out. */
export function uplinksOf({ uplinks, behind, link }: HostSpec | RouterSpec): readonly UplinkSpec[] {
  return uplinks ?? [{ ...(behind != null && { behind }), ...(link && { link }) }]
}
