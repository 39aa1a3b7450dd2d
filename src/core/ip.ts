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

/** One spelling per address, so that texts can be compared; undefined when it is not a literal. */
export function canonicalIp(host: string): string | undefined {
  return isIP(host) === 0 ? undefined : ipaddr.parse(host).toString()
}
