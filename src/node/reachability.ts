import type { NetworkReachability } from '../libp2p/autonat/index.ts'

/** Whether anybody can dial a node, by whichever family; IPv6 alone that nobody can dial says little. */
export function reachabilityOf({ ip4, ip6 }: NetworkReachability): 'public' | 'private' | 'unknown' {
  if (ip4 === 'public' || ip6 === 'public') return 'public'
  return ip4 === 'private' ? 'private' : 'unknown'
}
