import type { FilteringBehaviour, MappingBehaviour, PortAllocation } from '../core/behaviour.ts'
import type { Endpoint } from '../core/machine.ts'

/** What was found out about UDP or TCP in one address family. `null`: not known; `unknowns` says why. Endpoints are `ip:port`, `[ip]:port`. */
export interface TransportReport {
  /** Whether packets go out and answers come back. */
  readonly ok: boolean
  /** Our address and port as servers see them. */
  readonly public: string | null
  /** The address that we have on our own interface. */
  readonly local: string | null
  /** Whether addresses or ports are translated on the way. */
  readonly translated: boolean | null
  readonly mapping: MappingBehaviour | null
  /** What the mapping may be where it is not known, for example with one server address only. */
  readonly mappingPossible: readonly MappingBehaviour[]
  readonly filtering: FilteringBehaviour | null
  readonly filteringPossible: readonly FilteringBehaviour[]
  readonly portAllocation: PortAllocation | null
  /** Of sequential allocation: what is added from one mapping to the next. */
  readonly portStep: number | null
  /** Whether even ports stay even (RFC 4787 section 4.2.2). */
  readonly portParity: boolean | null
  /** Whether two of us behind it reach each other by their public addresses (RFC 4787 section 6). */
  readonly hairpin: boolean | null
  /** How long an idle mapping lives; asked for only. */
  readonly mappingLifetimeSeconds: number | null
  /** All public IP addresses seen: more than one with several uplinks, or a NAT that does not pair them (RFC 4787 section 4.1). */
  readonly publicAddresses: readonly string[]
  /** Bytes of an IP packet that pass without fragmentation, as far as it was tried; asked for only. */
  readonly pathMtu: number | null
  readonly unknowns: readonly Unknown[]
}

/** What could not be found out, and why. */
export interface Unknown {
  readonly what:
    | 'mapping'
    | 'filtering'
    | 'portAllocation'
    | 'hairpin'
    | 'mappingLifetimeSeconds'
    | 'pathMtu'
    | 'translated'
  readonly why: UnknownReason
}

export const UNKNOWN_REASONS = {
  'no-server': 'no STUN server answered',
  'one-address': 'the STUN servers that answered have one IP address between them',
  'one-port': 'the STUN servers that answered have one port each',
  'no-change-request': 'no server answers from another address (RFC 5780 CHANGE-REQUEST)',
  'not-asked': 'takes long, and was not asked for',
  'not-translated': 'there is no NAT to ask about',
  'several-uplinks': 'the servers see different public addresses, so the ports cannot be compared',
  'few-answers': 'too few answers came back',
  'no-response-port': 'no server answers to another port than it was asked from (RFC 5780 RESPONSE-PORT)',
  'no-means': 'this system has no means to ask',
  unstable: 'the answers contradict each other',
  'no-time': 'the time was up'
} as const
export type UnknownReason = keyof typeof UNKNOWN_REASONS

/** One protocol for mapping ports on the router. */
export interface PortMappingReport {
  readonly ok: boolean
  /** The router's address that was asked; for UPnP that of its control URL. */
  readonly gateway: string | null
  /** The address that the router calls its own on the outside. */
  readonly external: string | null
  /** Why not: a code out of portmap's list. */
  readonly reason: string | null
}

export interface Ipv6Report {
  /**
   * `native`: packets arrive unchanged; `nat66`: translated; `none`: nothing comes back, or there is no address to send from;
   * `unknown`: there is an address, and no server to ask.
   */
  readonly kind: 'native' | 'nat66' | 'none' | 'unknown'
  /** The NAT64 prefix of the network (RFC 7050), `64:ff9b::/96` mostly; null where there is none. */
  readonly nat64: string | null
}

export interface ProxyReport {
  /** As the environment has it, without user and password. */
  readonly url: string
  readonly variable: string
}

export interface HubReport {
  readonly id: string
  /** null: it does not answer. */
  readonly rttMs: number | null
}

/** What network a node is in: phase one of a traversal. It goes over the wire as JSON and into `beeline doctor --json`. */
export interface NetworkReport {
  readonly udp4: TransportReport
  readonly udp6: TransportReport
  readonly tcp4: TransportReport
  readonly tcp6: TransportReport
  readonly ipv6: Ipv6Report
  readonly portMapping: {
    readonly pcp: PortMappingReport
    readonly natPmp: PortMappingReport
    readonly upnp: PortMappingReport
  }
  /** NATs between us and the internet on IPv4; null when it cannot be told. */
  readonly natLayers: number | null
  /** Whether one of them is the provider's (RFC 6598). */
  readonly cgnat: boolean | null
  /** More than one way out, with a public address each: not to be taken for address-dependent mapping. */
  readonly uplinks: number
  /** Addresses of routers on the way that answered, the nearest first. */
  readonly hops: readonly string[]
  readonly proxy: ProxyReport | null
  /** Whether a login page answers in place of the internet. */
  readonly captivePortal: boolean | null
  readonly reachability: 'public' | 'private' | 'unknown'
  /** Each of our addresses that a hub was asked about, as a multiaddr, and whether it has reached us by it; null: it did not tell. */
  readonly addresses: readonly { readonly address: string; readonly reachable: boolean | null }[]
  readonly hubs: readonly HubReport[]
}

/** `ip:port`, and `[ip]:port` for IPv6. */
export function endpointText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
