import {
  type NetworkReport,
  type PortMappingReport,
  type TransportReport,
  UNKNOWN_REASONS,
  type Unknown
} from '../../nat/report.ts'
import { MAPPING_REASONS, type MappingReason } from '../../portmap/reason.ts'
import type { DataPlane, Diagnosis } from './diagnosis.ts'
import type { Mark } from './look.ts'

/** One line: what is asked, the answer, and why. */
export interface Capability {
  readonly label: string
  readonly mark: Mark
  readonly text: string
}

const MAPPING = {
  'endpoint-independent': { mark: 'yes', text: 'endpoint-independent: every peer sees the same port' },
  'address-dependent': { mark: 'no', text: 'address-dependent: another port for each address' },
  'address-and-port-dependent': { mark: 'no', text: 'address-and-port-dependent: another port for each peer' }
} as const

const FILTERING = {
  'endpoint-independent': { mark: 'yes', text: 'endpoint-independent: anybody gets in by an open port' },
  'address-dependent': { mark: 'note', text: 'address-dependent: hosts that were written to get in' },
  'address-and-port-dependent': { mark: 'note', text: 'address-and-port-dependent: only answers get in' }
} as const

const REACHABLE = {
  public: { mark: 'yes', text: 'a hub dialled this machine' },
  private: { mark: 'no', text: 'no stranger gets in' },
  unknown: { mark: 'unknown', text: 'no hub has told within the time' }
} as const

/** A line for each thing that this network can or cannot do, those that matter most first. Pure. */
export function capabilities(diagnosis: Diagnosis): Capability[] {
  const { udp4, tcp4, portMapping, reachability, dataPlane } = diagnosis
  const asked = diagnosis.hubs.length > 0
  // where there is no NAT, nobody misses a mapping
  const needed = udp4.translated !== false
  return [
    transport('UDP over IPv4', udp4, asked),
    transport('TCP over IPv4', tcp4, asked),
    ...overIpv6(diagnosis, asked),
    nats(diagnosis),
    ...(asked ? [{ label: 'dialled from outside', ...REACHABLE[reachability] }] : []),
    ...natBehaviour('UDP', udp4),
    ...(tcp4.ok && tcp4.mapping !== udp4.mapping ? natBehaviour('TCP', tcp4).slice(0, 1) : []),
    mapping('PCP', portMapping.pcp, needed),
    mapping('NAT-PMP', portMapping.natPmp, needed),
    mapping('UPnP', portMapping.upnp, needed),
    ...surroundings(diagnosis),
    plane(dataPlane)
  ]
}

function transport(label: string, { ok, public: seen }: TransportReport, asked: boolean): Capability {
  if (!asked) return { label, mark: 'unknown', text: 'no hub to ask' }
  if (!ok) return { label, mark: 'no', text: 'nothing comes back' }
  return { label, mark: 'yes', text: seen == null ? 'passes' : `seen as ${seen}` }
}

function overIpv6({ ipv6, udp6, tcp6 }: NetworkReport, asked: boolean): Capability[] {
  const rows: Capability[] = []
  const label = 'IPv6'
  switch (ipv6.kind) {
    case 'none':
      rows.push({ label, mark: 'no', text: 'no address, or nothing comes back' })
      break
    case 'unknown':
      rows.push({ label, mark: 'unknown', text: 'there is an address, and no hub to ask over it' })
      break
    case 'native':
    case 'nat66':
      rows.push(transport('UDP over IPv6', udp6, asked), transport('TCP over IPv6', tcp6, asked))
      if (ipv6.kind === 'nat66') rows.push({ label, mark: 'note', text: 'translated, too (NAT66)' })
      break
    default:
      return ipv6.kind satisfies never
  }
  if (ipv6.nat64 != null) rows.push({ label: 'NAT64', mark: 'note', text: `IPv4 is behind ${ipv6.nat64}` })
  return rows
}

function nats({ natLayers, cgnat, udp4, tcp4 }: NetworkReport): Capability {
  const label = 'NAT'
  const translated = udp4.translated ?? tcp4.translated
  if (natLayers === 0 || (natLayers == null && translated === false)) return { label, mark: 'yes', text: 'none' }
  if (natLayers == null) {
    if (translated === true) return { label, mark: 'note', text: 'one or more' }
    return { label, mark: 'unknown', text: 'only somebody outside can tell' }
  }
  if (natLayers === 1) return { label, mark: 'note', text: cgnat === true ? "one, the provider's" : 'one' }
  const whose = cgnat === true ? ", the outer one the provider's" : ''
  return { label, mark: 'note', text: `${natLayers} in a row${whose}` }
}

function natBehaviour(protocol: 'UDP' | 'TCP', report: TransportReport): Capability[] {
  const { ok, translated, mapping, filtering, portAllocation, hairpin, mappingLifetimeSeconds, pathMtu } = report
  if (!ok) return []
  const rows: (Capability | undefined)[] = []
  if (translated !== false) {
    const label = `${protocol} mapping`
    rows.push(mapping == null ? unknown(report, 'mapping', label) : { label, ...MAPPING[mapping] })
  }
  rows.push(
    filtering == null ? unknown(report, 'filtering', 'filtering') : { label: 'filtering', ...FILTERING[filtering] }
  )
  if (translated !== false) {
    rows.push(portAllocation == null ? unknown(report, 'portAllocation', 'port numbers') : allocation(report))
    rows.push(hairpin == null ? unknown(report, 'hairpin', 'hairpinning') : hairpinning(hairpin))
    rows.push(
      mappingLifetimeSeconds == null
        ? unknown(report, 'mappingLifetimeSeconds', 'idle mappings')
        : { label: 'idle mappings', mark: 'note', text: `live at least ${mappingLifetimeSeconds} s` }
    )
  }
  rows.push(
    pathMtu == null
      ? unknown(report, 'pathMtu', 'path MTU')
      : { label: 'path MTU', mark: 'note', text: `${pathMtu} bytes` }
  )
  return rows.filter(row => row != null)
}

/** @returns undefined when nobody asked, or when there is nothing to ask about */
function unknown(report: TransportReport, what: Unknown['what'], label: string): Capability | undefined {
  const why = report.unknowns.find(each => each.what === what)?.why
  if (why == null || why === 'not-asked' || why === 'not-translated') return undefined
  const possible = { mapping: report.mappingPossible, filtering: report.filteringPossible }[what as string] ?? []
  const may = possible.length === 0 ? '' : `; it may be ${possible.join(' or ')}`
  return { label, mark: 'unknown', text: `${UNKNOWN_REASONS[why]}${may}` }
}

function allocation({ portAllocation, portStep, portParity }: TransportReport): Capability {
  const label = 'port numbers'
  const parity = portParity === true && portAllocation !== 'preserving' ? ', even ones stay even' : ''
  if (portAllocation === 'preserving') return { label, mark: 'yes', text: 'kept' }
  if (portAllocation === 'random') return { label, mark: 'note', text: `random${parity}` }
  const step = portStep == null ? '' : `, in steps of ${portStep}`
  return { label, mark: 'note', text: `in sequence${step}${parity}` }
}

function hairpinning(hairpin: boolean): Capability {
  const label = 'hairpinning'
  return hairpin
    ? { label, mark: 'yes', text: 'neighbours meet by the public address too' }
    : { label, mark: 'no', text: 'neighbours meet by local addresses only' }
}

function mapping(label: string, { ok, external, reason }: PortMappingReport, needed: boolean): Capability {
  if (!ok)
    return {
      label,
      mark: needed ? 'no' : 'note',
      text: MAPPING_REASONS[reason as MappingReason] ?? reason
    }
  return { label, mark: 'yes', text: `the router maps ports${external == null ? '' : ` of ${external}`}` }
}

function surroundings({ uplinks, proxy, captivePortal, udp4 }: NetworkReport): Capability[] {
  const rows: Capability[] = []
  if (uplinks > 1)
    rows.push({ label: 'ways out', mark: 'note', text: `${uplinks}: ${udp4.publicAddresses.join(', ')}` })
  if (captivePortal === true) rows.push({ label: 'login page', mark: 'no', text: 'answers in place of the internet' })
  if (captivePortal === false) rows.push({ label: 'login page', mark: 'yes', text: 'none' })
  if (proxy != null) rows.push({ label: 'HTTP proxy', mark: 'note', text: `${proxy.url}, by ${proxy.variable}` })
  return rows
}

function plane({ kind, reason }: DataPlane): Capability {
  const label = 'data plane'
  switch (kind) {
    case 'ffi':
      return { label, mark: 'yes', text: 'libc by FFI, the fast one' }
    case 'portable':
      return { label, mark: 'note', text: `node:dgram, the slower one${reason == null ? '' : `: ${reason}`}` }
    default:
      return kind satisfies never
  }
}
