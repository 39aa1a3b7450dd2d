import { isIPv4 } from 'node:net'
import { ipScope } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { CandidateKind, PathCandidate } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import { sideOf } from '../sides.ts'

/**
 * How the public port of a UDP socket comes about, as far as a peer cares. `fixed`: it is the same for everybody. `per-host` and `per-port`: another for
 * each address, or for each endpoint, and one that can be foreseen. `random`: another one, and any.
 */
export type Ports = 'fixed' | 'per-host' | 'per-port' | 'random'

/** Over IPv4: networks that translate IPv6 keep its ports (RFC 6296). undefined: not known, or UDP does not pass. */
export function portsOf(summary: NetworkSummary | undefined): Ports | undefined {
  const { passes, mapping, allocation } = sideOf(summary, 'udp', 4)
  if (!passes || mapping == null) return undefined
  if (mapping === 'endpoint-independent') return 'fixed'
  switch (allocation) {
    case 'sequential':
      return mapping === 'address-dependent' ? 'per-host' : 'per-port'
    case 'random':
      return 'random'
    case 'preserving':
    case null:
      return undefined
    default:
      return allocation satisfies never
  }
}

/** What both sides have said of where they may be reached. */
export interface Announced {
  readonly mine: readonly PathCandidate[]
  readonly theirs: readonly PathCandidate[]
}

/** What routers use themselves, and services that are worth an attack, is never probed, whoever asks for it (RFC 6335 section 6). */
export const FIRST_PORT = 1_024
export const LAST_PORT = 65_535

const KINDS: readonly CandidateKind[] = ['observed', 'mapped', 'host']

/** Public UDP endpoints among candidates, without repetition: as others see it first. */
export function publicEndpoints(candidates: readonly PathCandidate[]): readonly Endpoint[] {
  const found = new Map<string, Endpoint>()
  for (const kind of KINDS) {
    for (const { address, port, transport, kind: own } of candidates) {
      if (own !== kind || transport !== 'udp' || !isIPv4(address) || ipScope(address) !== 'public') continue
      found.set(`${address} ${port}`, { address, port })
    }
  }
  return [...found.values()]
}

/**
 * Whether a host may be probed because the other side says so. It may name nobody whom it has not signed for as itself, and ports of such a one only
 * where no well-known service is.
 */
export function mayProbe({ address, port }: Endpoint, { theirs }: Announced): boolean {
  if (port < FIRST_PORT || port > LAST_PORT) return false
  return publicEndpoints(theirs).some(each => each.address === address)
}
