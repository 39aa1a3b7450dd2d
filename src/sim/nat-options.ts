import { NAT_DEFAULTS, type NatOptions } from './nat/behaviour.ts'
import type { RouterSpec } from './spec.ts'

export const NAT_KEYS: readonly string[] = ['mapping', ...Object.keys(NAT_DEFAULTS)]

/** Of a router, what its NAT engine is told. */
export function natOptions(router: RouterSpec): NatOptions {
  const { mapping, mappingLifetimeSeconds, unsolicited, lifetimes } = router
  const given = Object.fromEntries(Object.entries(router).filter(([key]) => NAT_KEYS.includes(key)))
  const idleMs = mappingLifetimeSeconds == null ? undefined : mappingLifetimeSeconds * 1000
  return {
    // a router of the kernel lab chooses random ports where it maps for each destination anew
    allocation: mapping === 'address-and-port-dependent' ? 'random' : 'preserving',
    ...given,
    mapping,
    unsolicited: unsolicited === 'reset' ? 'reset' : 'drop',
    ...(idleMs != null && { lifetimes: { udpMs: idleMs, udpStreamMs: idleMs, ...lifetimes } })
  }
}
