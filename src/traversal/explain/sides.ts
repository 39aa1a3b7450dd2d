import type { NetworkSummary, TransportSummary } from '../../wire/summary.ts'
import { sharesNat } from '../sides.ts'
import type { Facts } from './facts.ts'

/** Whose network it is, from where the reader sits. */
export type Whose = 'mine' | 'theirs'

export const BOTH: readonly Whose[] = ['mine', 'theirs']

/** Those sides of which it is known that it is so. */
export function sidesThat(facts: Facts, is: (network: NetworkSummary) => boolean): Whose[] {
  return BOTH.filter(whose => {
    const network = facts[whose]
    return network != null && is(network)
  })
}

/** TCP passes, so that somebody was there to answer. */
export function udpBlocked({ udp4, udp6, tcp4, tcp6 }: NetworkSummary): boolean {
  return !udp4.ok && !udp6.ok && (tcp4.ok || tcp6.ok)
}

/** Whether its NAT gives each peer another public port or address, so that nobody can be told where to send. With several ways out nobody can say. */
export function portsVary({ udp4, mapped, reachability, uplinks }: NetworkSummary): boolean {
  const varies = udp4.mapping != null && udp4.mapping !== 'endpoint-independent'
  return udp4.ok && udp4.translated !== false && varies && uplinks <= 1 && !mapped && reachability !== 'public'
}

/** Whether a guess of the next port is hopeless. */
export function portsRandom(network: NetworkSummary): boolean {
  return portsVary(network) && network.udp4.allocation === 'random'
}

export function hasIpv6({ udp6, tcp6 }: NetworkSummary): boolean {
  return udp6.ok || tcp6.ok
}

export function hasIpv4({ udp4, tcp4 }: NetworkSummary): boolean {
  return udp4.ok || tcp4.ok
}

/** Behind a NAT, and nobody outside can begin. */
export function isClosedNat({ udp4, mapped, reachability }: NetworkSummary): boolean {
  return udp4.ok && udp4.translated === true && !mapped && reachability !== 'public'
}

/** No NAT, but only who was written to gets in. */
export function isFirewalled({ udp4, udp6, reachability }: NetworkSummary): boolean {
  const filters = ({ ok, translated, filtering }: TransportSummary) =>
    ok && translated === false && filtering != null && filtering !== 'endpoint-independent'
  return (filters(udp4) || filters(udp6)) && reachability !== 'public'
}

/** Whether what counts for a plan is known of its UDP. */
export function isKnown(network: NetworkSummary): boolean {
  const known = ({ ok, translated, mapping }: TransportSummary) => ok && (translated === false || mapping != null)
  return known(network.udp4) || known(network.udp6) || udpBlocked(network)
}

/** It is behind a NAT, and it takes two server addresses to tell more (RFC 5780 section 4.3). */
export function needsSecondServer({ udp4 }: NetworkSummary): boolean {
  return udp4.ok && udp4.translated === true && udp4.mapping == null
}

/** Whether others see both sides under one address: then one NAT is in front of both. */
export function behindOneNat({ mine, theirs }: Facts): boolean {
  return mine != null && theirs != null && sharesNat(mine, theirs)
}

/** Whether both have one address family in which something passes. */
export function shareFamily({ mine, theirs }: Facts): boolean {
  if (mine == null || theirs == null) return true
  if (!hasAny(mine) || !hasAny(theirs)) return true
  return (hasIpv4(mine) && hasIpv4(theirs)) || (hasIpv6(mine) && hasIpv6(theirs))
}

/** What a NAT does over IPv4 is no excuse where both have IPv6. */
export function meetOverIpv6({ mine, theirs }: Facts): boolean {
  return mine?.udp6.ok === true && theirs?.udp6.ok === true
}

function hasAny(network: NetworkSummary): boolean {
  return hasIpv4(network) || hasIpv6(network)
}
