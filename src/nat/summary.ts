import { canonicalIp, ipScope } from '../core/ip.ts'
import {
  MAX_SUMMARY_ADDRESSES,
  MAX_SUMMARY_STEP,
  MAX_SUMMARY_UPLINKS,
  type NetworkSummary,
  type TransportSummary
} from '../wire/summary.ts'
import type { NetworkReport, TransportReport } from './report.ts'

/** What of a network report another peer is told. Pure. */
export function summaryOf(report: NetworkReport): NetworkSummary {
  const { udp4, udp6, tcp4, tcp6, portMapping, reachability, uplinks } = report
  // over IPv4 nobody can tell what is blocked from what was not asked, where nothing came back at all
  const asked4 = udp4.ok || tcp4.ok
  const asked6 = udp6.ok || tcp6.ok || report.ipv6.kind !== 'unknown'
  return {
    udp4: transportOf(udp4, asked4),
    udp6: transportOf(udp6, asked6),
    tcp4: transportOf(tcp4, asked4),
    tcp6: transportOf(tcp6, asked6),
    publicAddresses: addressesOf([udp4, udp6, tcp4, tcp6]),
    // behind two NATs the inner one's mapping leads nowhere
    mapped: Object.values(portMapping).some(({ ok, external }) => ok && external != null && isOutside(external)),
    reachability,
    uplinks: Math.max(0, Math.min(MAX_SUMMARY_UPLINKS, Math.trunc(uplinks)))
  }
}

const NOT_KNOWN: TransportSummary = {
  ok: true,
  translated: null,
  mapping: null,
  filtering: null,
  allocation: null,
  step: null,
  hairpin: null
}

function transportOf(report: TransportReport, asked: boolean): TransportSummary {
  const { ok, translated, filtering, portAllocation, portStep, hairpin } = report
  if (!asked) return NOT_KNOWN
  const step = portStep != null && Math.abs(portStep) <= MAX_SUMMARY_STEP ? portStep : null
  return { ok, translated, mapping: mappingOf(report), filtering, allocation: portAllocation, step, hairpin }
}

/**
 * Where it is known to vary, and not how much, the worst is told. A hub with one address cannot tell whether another address would see another port:
 * who gives the same to all ports of one, or keeps the port that we have, hardly ever does otherwise for the next.
 */
function mappingOf({ mapping, mappingPossible, portAllocation }: TransportReport): TransportSummary['mapping'] {
  if (mapping != null || mappingPossible.length === 0) return mapping
  if (!mappingPossible.includes('endpoint-independent')) return 'address-and-port-dependent'
  const steady = portAllocation === 'preserving' || !mappingPossible.includes('address-and-port-dependent')
  return steady ? 'endpoint-independent' : null
}

function addressesOf(transports: readonly TransportReport[]): readonly string[] {
  const all = transports.flatMap(({ publicAddresses }) => publicAddresses)
  const known = all.map(canonicalIp).filter(address => address != null && isOutside(address))
  return [...new Set(known as string[])].slice(0, MAX_SUMMARY_ADDRESSES)
}

function isOutside(address: string): boolean {
  return ipScope(address) !== 'private'
}
