import { ipScope } from '../../core/ip.ts'
import type { NetworkReport, TransportReport } from '../../nat/report.ts'
import { FILTERING_WORDS, MAPPING_WORDS } from '../../traversal/explain/network.ts'

/** Something on the way from this machine to the internet. */
export interface Stage {
  readonly title: string
  readonly lines: readonly string[]
  /** How packets go from here to the next one. */
  readonly onward: 'passes' | 'stops' | 'unknown'
}

/** What the report says, from left to right. */
export interface Way {
  readonly stages: readonly Stage[]
  /** What several NATs do, of which nobody can tell which one does it. */
  readonly together: readonly string[]
}

/** From this machine to the internet. Pure. */
export function wayOut(report: NetworkReport): Way {
  const seen = seenBy(report)
  const does = [...behaviour(seen), ...(mapsPorts(report) ? ['maps ports on request'] : [])]
  const blocked = !report.udp4.ok && !report.udp6.ok && seen.ok ? ['drops UDP'] : []
  const between = [...nats(report, seen), ...firewall(report, seen, blocked.length > 0)]
  const onward = seen.ok ? 'passes' : report.hubs.length === 0 ? 'unknown' : 'stops'
  const several = between.length > 1
  const stages: Stage[] = [
    {
      title: 'this machine',
      lines: seen.local == null ? [] : [seen.local],
      onward: between.length === 0 ? onward : 'passes'
    },
    ...between.map(({ title, address }, index) => {
      const last = index === between.length - 1
      const own = several ? [] : does
      const lines = [...(address == null ? [] : [address]), ...own, ...(last ? blocked : [])]
      return { title, lines, onward: last ? onward : 'passes' } as const
    }),
    { title: 'internet', lines: publicLines(report, seen), onward: 'passes' }
  ]
  return { stages, together: several ? does : [] }
}

/** The transport that tells most: UDP, and IPv4, if they pass at all. */
function seenBy({ udp4, tcp4, udp6, tcp6 }: NetworkReport): TransportReport {
  return [udp4, tcp4, udp6, tcp6].find(({ ok }) => ok) ?? udp4
}

interface Between {
  readonly title: string
  readonly address: string | undefined
}

function nats(report: NetworkReport, seen: TransportReport): Between[] {
  const { natLayers, cgnat } = report
  const inside = report.hops.filter(hop => ipScope(hop) === 'private')
  const first = router(report) ?? inside[0]
  if (seen.translated === false) return []
  if (natLayers == null || natLayers === 0) {
    return [{ title: seen.translated === true ? 'NAT, one or more' : 'not known', address: first }]
  }
  const outer = inside.findLast(hop => hop !== first && realm(hop) !== realm(first ?? ''))
  return Array.from({ length: natLayers }, (_, index) => {
    const outermost = index === natLayers - 1
    if (outermost && cgnat === true) return { title: "provider's NAT", address: index === 0 ? first : outer }
    if (index === 0) return { title: 'your router (NAT)', address: first }
    return { title: 'another NAT', address: outermost ? (outer ?? inside.findLast(hop => hop !== first)) : undefined }
  })
}

function firewall(report: NetworkReport, seen: TransportReport, blocked: boolean): Between[] {
  if (seen.translated !== false) return []
  const filters = seen.filtering != null && seen.filtering !== 'endpoint-independent'
  const closed = filters && report.reachability !== 'public'
  return closed || blocked ? [{ title: 'firewall', address: report.hops[0] ?? router(report) }] : []
}

/** That of the default route, which was asked for a mapping. */
function router({ portMapping }: NetworkReport): string | undefined {
  return Object.values(portMapping).find(({ gateway }) => gateway != null)?.gateway ?? undefined
}

function behaviour({ translated, mapping, portAllocation, portStep, filtering, hairpin }: TransportReport): string[] {
  const words: string[] = []
  if (translated !== false) {
    if (mapping != null) words.push(MAPPING_WORDS[mapping])
    if (portAllocation === 'preserving') words.push('keeps port numbers')
    if (portAllocation === 'sequential')
      words.push(portStep == null ? 'ports in sequence' : `ports in steps of ${portStep}`)
    if (portAllocation === 'random') words.push('random ports')
  }
  if (filtering != null) words.push(FILTERING_WORDS[filtering])
  if (translated === true && hairpin != null) words.push(hairpin ? 'hairpins' : 'does not hairpin')
  return words
}

function mapsPorts({ portMapping }: NetworkReport): boolean {
  return Object.values(portMapping).some(({ ok }) => ok)
}

function publicLines({ reachability, hubs }: NetworkReport, seen: TransportReport): string[] {
  if (seen.public == null)
    return [hubs.length === 0 ? 'not asked' : seen.ok ? '' : 'no answer'].filter(text => text !== '')
  const { host, port } = split(seen.public)
  return [`sees ${host}`, `port ${port}`, ...(reachability === 'public' ? ['and may dial it'] : [])]
}

/** `ip:port` or `[ip]:port`. */
function split(endpoint: string): { host: string; port: string } {
  const colon = endpoint.lastIndexOf(':')
  return { host: endpoint.slice(0, colon).replace(/^\[|\]$/g, ''), port: endpoint.slice(colon + 1) }
}

/** The block of private addresses that it is out of (RFC 1918, RFC 6598): another one is another network. */
function realm(address: string): string {
  const [a = '', b = ''] = address.split('.')
  return a === '192' || a === '100' ? `${a}.${b}` : a
}
