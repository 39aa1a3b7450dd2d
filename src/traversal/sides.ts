import type { NetworkSummary, SummaryBehaviour, TransportSummary } from '../wire/summary.ts'

/** What counts about one side's UDP or TCP in one address family. `null`: it may be either, or any. */
export interface Side {
  readonly passes: boolean
  /** Whether a stranger's packets get in at an address that candidates name. */
  readonly open: boolean | null
  readonly mapping: SummaryBehaviour | null
  readonly filtering: SummaryBehaviour | null
  readonly allocation: TransportSummary['allocation']
}

/** Two sides, and what they are to each other, in one transport and family. */
export interface Meeting {
  readonly family: 4 | 6
  readonly mine: Side
  readonly theirs: Side
  /** Whether packets between the two have to be turned around by a NAT that both are behind; null: they do, and it may. */
  readonly hairpin: boolean | 'not-needed' | null
}

export type SummaryTransport = 'udp' | 'tcp'
type Known = NetworkSummary | undefined

const NOT_KNOWN: Side = { passes: true, open: null, mapping: null, filtering: null, allocation: null }

/** How the two sides meet over IPv4 and IPv6. */
export function meetings(transport: SummaryTransport, mine: Known, theirs: Known): readonly Meeting[] {
  return ([4, 6] as const).map(family => ({
    family,
    mine: sideOf(mine, transport, family),
    theirs: sideOf(theirs, transport, family),
    hairpin: hairpin(transport, family, mine, theirs)
  }))
}

export function sideOf(summary: Known, transport: SummaryTransport, family: 4 | 6): Side {
  if (summary == null) return NOT_KNOWN
  const known = summary[`${transport}${family}`]
  return {
    passes: known.ok,
    open: known.ok ? openOf(summary, known, transport, family) : false,
    mapping: mappingOf(summary, known),
    // No test tells of TCP (RFC 5780 has none), and NATs and firewalls track its connections by both endpoints.
    filtering: transport === 'tcp' ? (known.filtering ?? 'address-and-port-dependent') : known.filtering,
    allocation: known.allocation
  }
}

/** With several ways out nobody knows which one a peer will see. */
function mappingOf({ uplinks }: NetworkSummary, { translated, mapping }: TransportSummary): SummaryBehaviour | null {
  if (uplinks > 1) return null
  return translated === false ? 'endpoint-independent' : mapping
}

/** Whoever says `public` may be so over one family only, and by a port that is mapped for UDP: what was seen of the filter says otherwise. */
function openOf(
  { reachability, mapped }: NetworkSummary,
  { translated, filtering }: TransportSummary,
  transport: SummaryTransport,
  family: 4 | 6
): boolean | null {
  const lets = filtering === 'endpoint-independent'
  if (transport === 'tcp' && translated !== false)
    return translated === true || reachability === 'private' ? false : null
  const isPublic = reachability === 'public'
  if (isPublic && (lets || filtering == null || (mapped && family === 4))) return true
  if (lets && translated !== true && reachability !== 'private') return translated === false ? true : null
  // a router's promise, until a hub has come in by it
  if (mapped && transport === 'udp') return null
  return filtering == null && reachability === 'unknown' ? null : false
}

function hairpin(transport: SummaryTransport, family: 4 | 6, mine: Known, theirs: Known): Meeting['hairpin'] {
  if (mine == null || theirs == null || family === 6 || !sharesNat(mine, theirs)) return 'not-needed'
  // one NAT does one thing: where the two do not say the same, it is not known
  const { hairpin: turns } = mine[`${transport}4`]
  return turns === theirs[`${transport}4`].hairpin ? turns : null
}

/** Whether others see both sides under the same IPv4 address. */
export function sharesNat(mine: NetworkSummary, theirs: NetworkSummary): boolean {
  return mine.publicAddresses.some(address => !address.includes(':') && theirs.publicAddresses.includes(address))
}
