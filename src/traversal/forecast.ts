import type { NetworkReport } from '../nat/report.ts'
import { summaryOf } from '../nat/summary.ts'
import type { NetworkSummary, TransportSummary } from '../wire/summary.ts'
import { type BuiltInTechnique, REASONS } from './attempt.ts'
import { type Plannable, plan } from './plan.ts'
import { BIRTHDAY } from './techniques/birthday-fits.ts'
import { PREDICT } from './techniques/predict-fits.ts'
import { punchQuic } from './techniques/punch-quic.ts'
import { punchTcp } from './techniques/punch-tcp.ts'

/** What the other side may sit in, in the words and the order of the README's measured grid. */
export const PLACES = {
  public: 'a public address',
  firewall: 'a public address behind a firewall',
  'easy-nat': 'a NAT with endpoint-independent mapping, as most homes have',
  'double-nat': 'two such NATs in a row',
  'hard-nat': 'a NAT with another random port for each peer, as some carriers and companies have',
  'udp-blocked': 'a network that lets no UDP out',
  ipv6: 'any of these, with IPv6 as well',
  'same-network': 'this very network'
} as const

export type Place = keyof typeof PLACES

/** How a peer in such a network and we would connect today. */
export interface Forecast {
  readonly place: Place
  /** null: it cannot be told. */
  readonly path: 'direct' | 'relay' | null
  /** What makes the direct path; where several could, the one that mostly does. */
  readonly technique: Exclude<BuiltInTechnique, 'relay' | 'direct' | 'reverse'> | null
  readonly why: Why
}

/** Of the reasons of a plan those that a forecast gives, in words for whoever runs `doctor`. A fixed list, because scripts look these up. */
export const WHYS = {
  'we-are-public': REASONS['we-are-public'],
  'they-are-public': REASONS['they-are-public'],
  'both-predictable': REASONS['both-predictable'],
  'hosts-get-in': REASONS['hosts-get-in'],
  'by-local-address': REASONS['by-local-address'],
  'ports-in-sequence': REASONS['ports-in-sequence'],
  'one-side-random': REASONS['one-side-random'],
  'our-ports-vary': REASONS['our-ports-vary'],
  'their-ports-vary': REASONS['their-ports-vary'],
  'both-random': REASONS['both-random'],
  'random-and-varying': REASONS['random-and-varying'],
  'no-udp': 'UDP is blocked on one side, and TCP on the other',
  'no-ipv4': 'this machine reaches nobody over IPv4',
  'no-ipv6': 'this machine has no IPv6',
  'not-known': 'too little is known of this network'
} as const

export type Why = keyof typeof WHYS

const BLOCKED: TransportSummary = {
  ok: false,
  translated: null,
  mapping: null,
  filtering: null,
  allocation: null,
  step: null,
  hairpin: null
}
const EASY: TransportSummary = {
  ...BLOCKED,
  ok: true,
  translated: true,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  allocation: 'preserving'
}
const FIREWALL: TransportSummary = { ...EASY, translated: false }
const OPEN: TransportSummary = { ...FIREWALL, filtering: 'endpoint-independent' }
const HARD: TransportSummary = { ...EASY, mapping: 'address-and-port-dependent', allocation: 'random' }

/** What a peer in each place would tell of itself. */
const THEIRS: Readonly<Record<Exclude<Place, 'same-network'>, NetworkSummary>> = {
  public: { ...over4(OPEN), reachability: 'public' },
  firewall: over4(FIREWALL),
  'easy-nat': over4(EASY),
  'double-nat': over4(EASY),
  'hard-nat': over4(HARD),
  'udp-blocked': { ...over4(EASY), udp4: BLOCKED },
  ipv6: { ...over4(BLOCKED), udp6: FIREWALL, tcp6: FIREWALL }
}

/** QUIC needs fewer round trips, so where both work it is there first; a guess is made where neither does. */
const TECHNIQUES: readonly Plannable[] = [punchQuic, punchTcp, PREDICT, BIRTHDAY]

/**
 * How peers in each kind of network and a machine in this one connect, by the plan that they would make. It says what this version does: bench/grid.ts
 * measures the pairs over IPv4, test/lab/forecast.test.ts the rest. Pure.
 */
export function forecast(report: NetworkReport): Forecast[] {
  return (Object.keys(PLACES) as Place[]).map(place => ({ place, ...meet(place, report) }))
}

type Met = Omit<Forecast, 'place'>

const UNKNOWN: Met = { path: null, technique: null, why: 'not-known' }

function meet(place: Place, report: NetworkReport): Met {
  const { udp4, tcp4, udp6, ipv6, hubs, uplinks } = report
  const hears = hubs.some(({ rttMs }) => rttMs != null)
  const mine = summaryOf(report)
  switch (place) {
    case 'ipv6':
      if (!udp6.ok || ipv6.kind !== 'native') return { path: null, technique: null, why: 'no-ipv6' }
      return outcome({ ...mine, udp4: BLOCKED, tcp4: BLOCKED }, THEIRS.ipv6)
    case 'same-network':
      return hears && uplinks <= 1 ? { path: 'direct', technique: 'local', why: 'by-local-address' } : UNKNOWN
    default:
      if (udp4.ok || tcp4.ok) return outcome({ ...mine, udp6: BLOCKED, tcp6: BLOCKED }, THEIRS[place])
      if (hubs.length === 0) return UNKNOWN
      return { path: hears ? 'relay' : null, technique: null, why: 'no-ipv4' }
  }
}

function outcome(mine: NetworkSummary, theirs: NetworkSummary): Met {
  const { steps } = plan(mine, theirs, { techniques: TECHNIQUES, peer: 'link' })
  const taken = steps.filter(({ action }) => action === 'take')
  const works = taken.find(({ why }) => why !== 'not-known')
  if (works != null) {
    return { path: 'direct', technique: works.technique as Met['technique'], why: works.why as Why }
  }
  if (taken.length > 0) return UNKNOWN
  const [quic, tcp, , birthday] = TECHNIQUES.map(({ name }) => steps.find(({ technique }) => technique === name)?.why)
  if (quic === 'no-udp') return { path: 'relay', technique: null, why: tcp === 'no-tcp' ? 'no-udp' : (tcp as Why) }
  // the last resort says most of why nothing helps
  const why = birthday === 'both-random' || birthday === 'random-and-varying' ? birthday : quic
  return { path: 'relay', technique: null, why: why as Why }
}

function over4(transport: TransportSummary): NetworkSummary {
  return {
    udp4: transport,
    udp6: BLOCKED,
    tcp4: transport,
    tcp6: BLOCKED,
    publicAddresses: [],
    mapped: false,
    reachability: 'private',
    uplinks: 1
  }
}
