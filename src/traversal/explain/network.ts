import type { NetworkSummary, SummaryBehaviour, TransportSummary } from '../../wire/summary.ts'
import { hasIpv6, isKnown, udpBlocked } from './sides.ts'

/** What a mapping means, in few words. */
export const MAPPING_WORDS: Readonly<Record<SummaryBehaviour, string>> = {
  'endpoint-independent': 'same port for every peer',
  'address-dependent': 'another port per address',
  'address-and-port-dependent': 'another port for each peer'
}

export const FILTERING_WORDS: Readonly<Record<SummaryBehaviour, string>> = {
  'endpoint-independent': 'lets everybody in',
  'address-dependent': 'lets in known hosts',
  'address-and-port-dependent': 'lets in answers only'
}

/** A network in one line. */
export function networkText(network: NetworkSummary | null): string {
  if (network == null) return 'not known'
  if (udpBlocked(network)) return 'UDP is blocked, TCP passes'
  if (!isKnown(network) && network.udp4.translated == null) return 'too little is known of it'
  const { udp4, mapped, reachability, uplinks } = network
  const words = udp4.ok ? [natText(udp4)] : ['no UDP over IPv4']
  if (mapped) words.push('a port is mapped for everybody')
  else if (reachability === 'public') words.push('anybody gets in')
  else if (udp4.ok && udp4.filtering != null) words.push(FILTERING_WORDS[udp4.filtering])
  if (uplinks > 1) words.push(`${uplinks} ways out`)
  if (hasIpv6(network)) words.push('IPv6')
  return words.join('; ')
}

function natText({ translated, mapping, allocation }: TransportSummary): string {
  if (translated === false) return 'no NAT'
  const nat = translated == null ? 'perhaps a NAT' : 'NAT'
  if (mapping == null) return nat
  const ports = mapping === 'endpoint-independent' || allocation == null ? '' : ` (${ALLOCATION_WORDS[allocation]})`
  return `${nat}, ${MAPPING_WORDS[mapping]}${ports}`
}

const ALLOCATION_WORDS = {
  preserving: 'its own where it is free',
  sequential: 'in sequence',
  random: 'random'
} as const
