import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * How far an address reaches. `private` is every range that is unique only inside one network: RFC 1918, unique local
 * IPv6 and the carriers' 100.64.0.0/10 (RFC 6598). `reserved` is everything else that is no unicast host of the public
 * internet: documentation, benchmarking, tunnels (6to4, Teredo), and translated forms (NAT64, IPv4-mapped), in which a
 * private address could hide.
 */
export type IpScope =
  | 'public'
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'unspecified'
  | 'reserved'
  | 'invalid'

const SCOPES: Readonly<Record<string, IpScope>> = {
  unicast: 'public',
  private: 'private',
  uniqueLocal: 'private',
  deprecatedSiteLocal: 'private',
  carrierGradeNat: 'private',
  loopback: 'loopback',
  linkLocal: 'link-local',
  multicast: 'multicast',
  broadcast: 'multicast',
  unspecified: 'unspecified'
}

/** The scope of a literal address, by the IANA special-purpose registries; `invalid` when it is not a literal. */
export function ipScope(host: string): IpScope {
  // ipaddr.js also reads 0x7f.1 and 127.1 as addresses; net does not
  if (isIP(host) === 0) return 'invalid'
  return SCOPES[ipaddr.parse(host).range()] ?? 'reserved'
}

/**
 * Whether addresses that are not public count: `network` takes private ones, and those set aside for documentation and tests,
 * which is where hub and peers share a network of their own; `true` takes loopback too.
 */
export type AllowPrivate = boolean | 'network'

/** The names that ipaddr.js has for the ranges of RFC 5737, RFC 3849 and RFC 2544, which laboratories use as their internet. */
const LABORATORY: ReadonlySet<string> = new Set(['reserved', 'benchmarking'])

/** Whether a literal address is one to offer a peer, or to dial because a peer has offered it. */
export function mayReach(host: string, allow: AllowPrivate): boolean {
  const scope = ipScope(host)
  switch (scope) {
    case 'public':
      return true
    case 'private':
      return allow !== false
    case 'loopback':
      return allow === true
    case 'reserved':
      return allow !== false && LABORATORY.has(ipaddr.parse(host).range())
    case 'link-local':
    case 'multicast':
    case 'unspecified':
    case 'invalid':
      return false
    default:
      return scope satisfies never
  }
}

/** One spelling per address, so that texts can be compared; undefined when it is not a literal. */
export function canonicalIp(host: string): string | undefined {
  return isIP(host) === 0 ? undefined : ipaddr.parse(host).toString()
}

/** Who counts as one where strangers share something: an IPv4 address, or an IPv6 network of 64 bits, of which a host has all addresses. */
export function sourceOf(address: string): string {
  const [bare = ''] = address.split('%')
  return isIP(bare) === 6 ? ipaddr.IPv6.parse(bare).parts.slice(0, 4).join(':') : address
}
