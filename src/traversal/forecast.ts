import type { NetworkReport, TransportReport } from '../nat/report.ts'
import type { BuiltInTechnique } from './attempt.ts'

/** What the other side may sit in, in the words and the order of the README's measured grid. */
export const PLACES = {
  public: 'a public address',
  firewall: 'a public address behind a firewall',
  'easy-nat': 'a NAT with endpoint-independent mapping, as most homes have',
  'double-nat': 'two such NATs in a row',
  'hard-nat': 'a NAT with another port for each peer, as some carriers and companies have',
  'udp-blocked': 'a network that lets no UDP out',
  ipv6: 'any of these, with IPv6 as well',
  'same-network': 'this very network'
} as const

export type Place = keyof typeof PLACES
type Ipv4Place = Exclude<Place, 'ipv6' | 'same-network'>

/** How a peer in such a network and we would connect today. */
export interface Forecast {
  readonly place: Place
  /** null: it cannot be told. */
  readonly path: 'direct' | 'relay' | null
  /** What makes the direct path; where several could, the one that mostly does. */
  readonly technique: Extract<BuiltInTechnique, 'reverse' | 'punch-quic' | 'punch-tcp'> | null
  readonly why: Why
}

/** A fixed list, because scripts look these up. */
export const WHYS = {
  'we-are-public': 'anybody can dial this machine',
  'they-are-public': 'this machine dials the other side',
  'both-predictable': 'both sides can be told where to send',
  'hosts-get-in': 'who was written to gets in here from any port',
  'by-local-address': 'both sides tell each other their local addresses',
  'our-ports-vary': 'our NAT has another port for each peer, and the other side lets in only whom it knows',
  'their-ports-vary': 'their NAT has another port for each peer, and nobody gets in here uninvited',
  'no-udp': 'UDP is blocked on one side, and TCP on the other',
  'no-ipv4': 'this machine reaches nobody over IPv4',
  'no-ipv6': 'this machine has no IPv6',
  'not-known': 'too little is known of this network'
} as const

export type Why = keyof typeof WHYS

/** What counts about one side's UDP, or TCP: true, false, or null where it is not known. */
interface Side {
  readonly passes: boolean
  /** Whether a stranger's packets get in. */
  readonly open: boolean
  /** Whether others know from where our packets will come: a hub sees the same address and port as a peer. */
  readonly predictable: boolean | null
  /** Whether all ports of a host get in that was written to: then it is enough to know the other side's address. */
  readonly admitsHosts: boolean
}

interface Sides {
  readonly udp: Side
  readonly tcp: Side
}

const BLOCKED: Side = { passes: false, open: false, predictable: false, admitsHosts: false }
const OPEN: Side = { passes: true, open: true, predictable: true, admitsHosts: true }
const PREDICTABLE: Side = { passes: true, open: false, predictable: true, admitsHosts: false }
const VARYING: Side = { passes: true, open: false, predictable: false, admitsHosts: false }

const THEIRS: Readonly<Record<Ipv4Place, Sides>> = {
  public: { udp: OPEN, tcp: OPEN },
  firewall: { udp: PREDICTABLE, tcp: PREDICTABLE },
  'easy-nat': { udp: PREDICTABLE, tcp: PREDICTABLE },
  'double-nat': { udp: PREDICTABLE, tcp: PREDICTABLE },
  'hard-nat': { udp: VARYING, tcp: VARYING },
  'udp-blocked': { udp: BLOCKED, tcp: PREDICTABLE }
}

/**
 * How peers in each kind of network and a machine in this one connect. It says what this version does: bench/grid.ts
 * measures the pairs over IPv4, test/lab/forecast.test.ts the rest. Pure.
 */
export function forecast(report: NetworkReport): Forecast[] {
  const udp = sideOf(report.udp4, report)
  const tcp = sideOf(report.tcp4, report)
  // a stranger who got in by UDP did so perhaps by a port that is mapped for UDP only
  const ours = { udp, tcp: { ...tcp, open: tcp.open && report.tcp4.translated === false } }
  return (Object.keys(PLACES) as Place[]).map(place => ({ place, ...meet(place, ours, report) }))
}

function sideOf(transport: TransportReport, { reachability, uplinks, portMapping }: NetworkReport): Side {
  if (!transport.ok) return BLOCKED
  const mapped = Object.values(portMapping).some(({ ok }) => ok)
  // `public` may be true of IPv6 only: then the filter, where it was seen, says otherwise of IPv4
  const lets = mapped || transport.filtering == null || transport.filtering === 'endpoint-independent'
  return {
    passes: true,
    open: reachability === 'public' && lets,
    predictable: uplinks > 1 ? null : predictable(transport),
    admitsHosts: transport.filtering != null && transport.filtering !== 'address-and-port-dependent'
  }
}

function predictable({ translated, mapping, mappingPossible }: TransportReport): boolean | null {
  if (translated === false || mapping === 'endpoint-independent') return true
  if (mapping != null) return false
  return mappingPossible.length > 0 && !mappingPossible.includes('endpoint-independent') ? false : null
}

type Meeting = Omit<Forecast, 'place'>

function meet(place: Place, ours: Sides, report: NetworkReport): Meeting {
  switch (place) {
    case 'ipv6':
      return report.udp6.ok && report.ipv6.kind === 'native'
        ? { path: 'direct', technique: 'punch-quic', why: 'both-predictable' }
        : { path: null, technique: null, why: 'no-ipv6' }
    case 'same-network':
      return report.hubs.some(({ rttMs }) => rttMs != null) && report.uplinks <= 1
        ? { path: 'direct', technique: 'reverse', why: 'by-local-address' }
        : UNKNOWN
    default:
      return meetOverIpv4(ours, THEIRS[place], report)
  }
}

const UNKNOWN: Meeting = { path: null, technique: null, why: 'not-known' }

function meetOverIpv4(ours: Sides, theirs: Sides, { hubs }: NetworkReport): Meeting {
  if (!ours.udp.passes && !ours.tcp.passes) {
    if (hubs.length === 0) return UNKNOWN
    return { path: hubs.some(({ rttMs }) => rttMs != null) ? 'relay' : null, technique: null, why: 'no-ipv4' }
  }
  // QUIC needs fewer round trips, so where both work it is there first
  const ways = [
    { technique: 'punch-quic', why: way(ours.udp, theirs.udp) },
    { technique: 'punch-tcp', why: way(ours.tcp, theirs.tcp) }
  ] as const
  const works = ways.find(({ why }) => WORKS.has(why))
  if (works != null) return { path: 'direct', ...works }
  if (ways.some(({ why }) => why === 'not-known')) return UNKNOWN
  const { why } = ways.find(each => each.why !== 'no-udp') ?? ways[0]
  return { path: 'relay', technique: null, why }
}

const WORKS: ReadonlySet<Why> = new Set(['we-are-public', 'they-are-public', 'both-predictable', 'hosts-get-in'])

function way(ours: Side, theirs: Side): Why {
  if (!ours.passes || !theirs.passes) return 'no-udp'
  if (theirs.open) return 'they-are-public'
  if (ours.open) return 'we-are-public'
  if (theirs.predictable === false) {
    return ours.predictable === true && ours.admitsHosts ? 'hosts-get-in' : 'their-ports-vary'
  }
  if (ours.predictable === false) return 'our-ports-vary'
  return ours.predictable == null ? 'not-known' : 'both-predictable'
}
