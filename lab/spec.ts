import type { NatOptions } from '../src/sim/nat/index.ts'

/**
 * How a router maps (RFC 4787 section 4.1), or `none` for a stateful firewall without NAT.
 * - `endpoint-independent`: one public port for all destinations, the private one where it is free (port preservation)
 * - `address-dependent`: another one for each remote address
 * - `address-and-port-dependent`: a random one for each destination
 */
export type Mapping = NatOptions['mapping']

export type Unsolicited = 'drop' | 'reset' | 'accept'

/** What a cable does to packets, the same in both directions. Shaped links are a program (lab/wire), others plain veth pairs. */
export interface LinkSpec {
  /** One way. @default 0 */
  delayMs?: number
  /** Each packet's delay is uniform in delayMs ± jitterMs, so packets overtake each other; 0 keeps their order. @default 0 */
  jitterMs?: number
  /** Of each packet on its own, 0-100. @default 0 */
  lossPercent?: number
  /** Megabits a second; what does not fit waits, what waits too long is dropped. @default unlimited */
  rateMbit?: number
}

interface NodeSpec {
  /** The router that it is behind; without one it is on the internet. */
  behind?: string
  /** Shapes the uplink: to the internet, or to the router that it is behind. `{}` is shaped too, and may be changed later. */
  link?: LinkSpec
  /** Whether it has IPv6, global and not translated unless a router says so. A router has it when anything behind it does. @default false */
  ipv6?: boolean
}

export interface HostSpec extends NodeSpec {
  /** How many IPv4 addresses it has, for example two for a STUN server with an alternate address. @default 1 */
  addresses?: number
  /** @default true; without it the host has IPv6 only */
  ipv4?: boolean
}

/** Who translates: the kernel's nftables, or the simulator's NAT on TUN devices (lab/tun). */
export type Engine = 'kernel' | 'sim'

/** What the NAT engine of the simulator can be told (src/sim/nat/behaviour.ts); most of it the kernel cannot do. */
type EngineWords = Pick<
  NatOptions,
  | 'filtering'
  | 'allocation'
  | 'step'
  | 'parity'
  | 'ports'
  | 'hairpinSource'
  | 'lifetimes'
  | 'inboundRefresh'
  | 'icmpErrors'
>

export interface RouterSpec extends NodeSpec, EngineWords {
  mapping: Mapping
  /**
   * Who translates: `kernel` is nftables, which filters address- and port-dependently, because that is how Linux tracks
   * connections; `sim` the simulator's NAT on a TUN device. @default sim when the spec asks for what the kernel cannot do, else kernel
   */
  engine?: Engine
  /** Whether UDP is dropped in both directions. @default false */
  blockUdp?: boolean
  /** Whether IPv6 is translated too; hosts then have unique local addresses. @default false */
  nat66?: boolean
  /**
   * Whether IPv6 hosts behind it reach IPv4 through 64:ff9b::/96 (RFC 6146), which its name server tells them (RFC 6147).
   * Needs the program `tayga`. @default false
   */
  nat64?: boolean
  /**
   * Whether two hosts behind it reach each other through its public address (RFC 4787 section 6). The kernel can do it
   * for UDP, and with endpoint-independent mapping. @default false
   */
  hairpin?: boolean
  /**
   * What becomes of packets from the internet that nobody asked for. `drop`, in silence, is what nearly all home routers do.
   * `reset` answers TCP with RST, which RFC 5382 REQ-4 forbids and some do. `accept` hands them to the router itself, as a Linux
   * machine does whose owner forgot a firewall: it answers by RST or ICMP, and its connection tracking remembers them.
   *
   * @default 'drop'
   */
  unsolicited?: Unsolicited
  /** How long an idle UDP mapping lives. @default the kernel's 30 s, 120 s once both sides have spoken */
  mappingLifetimeSeconds?: number
}

/** The nodes of a lab by name: a node with a `mapping` is a router, all others are hosts. */
export type LabSpec = Record<string, HostSpec | RouterSpec>

export function isRouter(node: HostSpec | RouterSpec): node is RouterSpec {
  return 'mapping' in node
}

/** Namespaces that the lab makes for itself. */
export const INTERNET = 'internet'
export const WIRE = 'wire'
