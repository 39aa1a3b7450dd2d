import { isIPv6 } from 'node:net'
import { canonicalIp } from '../../core/ip.ts'
import type { UdpSocket } from '../../core/net.ts'
import { isUnspecified } from '../../libp2p/quic/address.ts'
import type { StunHost } from './server.ts'

/**
 * What each address that a hub listens on is told as. Announced ones stand for those listened on in the order in which they
 * were given, each family by itself; what is left over has no address that others know, and is not told. Nor is the
 * unspecified one: an answer could leave by any of the machine's.
 */
export function stunHosts(
  hosts: readonly string[],
  announce: readonly string[],
  shared: readonly UdpSocket[] = []
): StunHost[] {
  return hosts.map(host => {
    const told = announce.length === 0 ? host : partner(host, hosts, announce)
    const address = told == null || isUnspecified(told) ? undefined : told
    const socket = shared.find(({ local }) => canonicalIp(local.address) === canonicalIp(host))
    return { host, address, ...(socket == null ? {} : { shared: socket }) }
  })
}

function partner(host: string, hosts: readonly string[], announce: readonly string[]): string | undefined {
  const ofFamily = (all: readonly string[]) => all.filter(each => isIPv6(each) === isIPv6(host))
  return ofFamily(announce)[ofFamily(hosts).indexOf(host)]
}
