import { CODE_P2P, CODE_P2P_CIRCUIT, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { canonicalIp } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Candidate } from '../traversal/candidates.ts'
import type { Puncher } from './punchable.ts'

/** A candidate that remembers its multiaddr (without a peer id), and who can punch it. */
export interface AddressCandidate extends Candidate {
  readonly multiaddr: Multiaddr
  readonly puncher: Puncher
}

/** The literal address and port that a direct multiaddr begins with; undefined for names, zones and relayed addresses. */
export function endpointOf(address: Multiaddr): Endpoint | undefined {
  if (isRelayed(address)) return undefined
  const [host, port] = address.getComponents()
  if (host?.value == null || port?.value == null || (port.name !== 'udp' && port.name !== 'tcp')) return undefined
  const ip = canonicalIp(host.value)
  return ip == null ? undefined : { address: ip, port: Number(port.value) }
}

/** @param from  a multiaddr, or the bytes of one out of a message; bytes that are none give undefined */
export function candidateOf(from: Multiaddr | Uint8Array, punchers: readonly Puncher[]): AddressCandidate | undefined {
  let whole: Multiaddr
  try {
    whole = from instanceof Uint8Array ? multiaddr(from) : from
  } catch {
    return undefined
  }
  // before the peer id goes: what stands behind a relay's id goes with it, and the relay's own address would stay
  if (isRelayed(whole)) return undefined
  const address = whole.decapsulateCode(CODE_P2P)
  const endpoint = endpointOf(address)
  if (endpoint == null) return undefined
  const puncher = punchers.find(each => each.canPunch(address))
  return puncher && { ...endpoint, technique: puncher.technique, multiaddr: address, puncher }
}

/** The candidates in a list, found one by one as the list is read. */
export function* candidatesOf(
  list: Iterable<Multiaddr | Uint8Array>,
  punchers: readonly Puncher[]
): Generator<AddressCandidate | undefined> {
  for (const address of list) yield candidateOf(address, punchers)
}

function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)
}
