import { DEPENDENCES } from '../src/core/behaviour.ts'
import type { NatOptions } from '../src/sim/nat/index.ts'
import type { Engine } from './engine.ts'
import { checkEngine, SIM_WORDS } from './engine.ts'

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

/** Names become names of network interfaces, which the kernel limits to 15 bytes, and of files. */
const NAME = /^[a-z][a-z0-9-]{0,14}$/i
/** Namespaces that the lab makes for itself. */
export const INTERNET = 'internet'
export const WIRE = 'wire'
/** Beside those, interfaces of a router (its ports are called as the nodes at their other ends), and what sysctl calls them all. */
const TAKEN = [INTERNET, WIRE, 'lo', 'wan', 'lan', 'all', 'default']
const MAX_NODES = 200

const ROUTER_KEYS = [
  'behind',
  'link',
  'ipv6',
  'mapping',
  'blockUdp',
  'hairpin',
  'unsolicited',
  'mappingLifetimeSeconds',
  'engine',
  'nat64',
  ...SIM_WORDS
] as const satisfies (keyof RouterSpec)[]
const HOST_KEYS = ['behind', 'link', 'ipv6', 'addresses', 'ipv4'] as const satisfies (keyof HostSpec)[]
const MAPPINGS: readonly string[] = [...DEPENDENCES, 'none'] satisfies readonly Mapping[]

const UNSOLICITED: readonly string[] = ['drop', 'reset', 'accept'] satisfies readonly Unsolicited[]

/** @throws Error that names the node and what is wrong with it */
export function checkSpec(spec: LabSpec): void {
  const names = Object.keys(spec)
  if (names.length === 0 || names.length > MAX_NODES) throw new Error(`a lab has 1 to ${MAX_NODES} nodes`)
  for (const [name, node] of Object.entries(spec)) {
    const wrong = (what: string) => new Error(`lab node '${name}': ${what}`)
    if (!NAME.test(name)) throw wrong('a name is a letter, then up to 14 letters, digits or hyphens')
    if (TAKEN.includes(name.toLowerCase())) throw wrong('the name is taken by the lab itself')
    const known: readonly string[] = isRouter(node) ? ROUTER_KEYS : HOST_KEYS
    const unknown = Object.keys(node).find(key => !known.includes(key))
    if (unknown) throw wrong(`there is no option '${unknown}', only ${known.join(', ')}`)
    for (let at = node.behind, steps = 0; at !== undefined; at = spec[at]!.behind) {
      const router = spec[at]
      if (!router || !isRouter(router)) throw wrong(`it is behind '${at}', which is not a router of this lab`)
      if (++steps > names.length) throw wrong('it is behind itself')
    }
    if (node.link) checkLink(node.link, wrong)
    if (isRouter(node)) {
      if (!MAPPINGS.includes(node.mapping)) throw wrong(`mapping is ${MAPPINGS.join(', ')}; not '${node.mapping}'`)
      if (!UNSOLICITED.includes(node.unsolicited ?? 'drop')) throw wrong(`unsolicited is ${UNSOLICITED.join(', ')}`)
      const seconds = node.mappingLifetimeSeconds ?? 1
      if (!Number.isInteger(seconds) || seconds < 1) throw wrong('mappingLifetimeSeconds is a whole number from 1')
      checkEngine(node, wrong)
    } else if (node.addresses !== undefined && !(node.addresses >= 1 && node.addresses <= 16)) {
      throw wrong('addresses is 1 to 16')
    } else if (node.ipv4 === false && !node.ipv6) {
      throw wrong('it has neither IPv4 nor IPv6')
    }
  }
}

/** @throws what `wrong` makes of the reason */
export function checkLink(link: LinkSpec, wrong: (what: string) => Error): void {
  const limits = { delayMs: 10_000, jitterMs: 10_000, lossPercent: 100, rateMbit: 100_000 }
  for (const [key, value] of Object.entries(link)) {
    const limit = limits[key as keyof typeof limits]
    if (limit === undefined) throw wrong(`a link has no '${key}', only ${Object.keys(limits).join(', ')}`)
    if (!(value >= 0 && value <= limit)) throw wrong(`${key} is 0 to ${limit}`)
  }
  if (link.rateMbit === 0) throw wrong('rateMbit is more than 0; lossPercent: 100 cuts a link')
}
