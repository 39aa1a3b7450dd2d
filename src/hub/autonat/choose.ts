import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { mayReach } from '../../core/ip.ts'
import { endpointOf } from '../../libp2p/candidate.ts'
import { type Family, peerOf } from '../../libp2p/quic/address.ts'

export interface ChoiceRules {
  /** Who asks, and is to be found at the address. */
  readonly peer: string
  /** The families that we have addresses of. */
  readonly families: ReadonlySet<Family>
  /** The address that the peer comes from, which may be dialled although it is private: hub and peer are in one network then. */
  readonly own: string | undefined
  readonly allowPrivate: boolean
  readonly maxAddresses: number
  /** Whether one of our transports reaches addresses of this kind. */
  readonly canDial: (address: Multiaddr) => boolean
}

export interface Choice {
  /** Where in the request it stood. */
  readonly index: number
  /** With the peer id. */
  readonly address: Multiaddr
  readonly host: string
  readonly family: Family
}

/**
 * The first address of a request that we are able and willing to dial: public or where the peer comes from, literal, direct, the peer's own. Names are
 * not resolved, because whoever owns one can point it at anybody after we have looked.
 */
export function chooseAddress(addrs: readonly Uint8Array[], rules: ChoiceRules): Choice | undefined {
  for (const [index, bytes] of addrs.slice(0, rules.maxAddresses).entries()) {
    const choice = readAddress(bytes, rules)
    if (choice != null) return { index, ...choice }
  }
  return undefined
}

function readAddress(bytes: Uint8Array, rules: ChoiceRules): Omit<Choice, 'index'> | undefined {
  let whole: Multiaddr
  try {
    whole = multiaddr(bytes)
  } catch {
    return undefined
  }
  const endpoint = endpointOf(whole)
  if (endpoint == null || endpoint.port === 0) return undefined
  const { address: host } = endpoint
  if (!mayReach(host, rules.allowPrivate) && !(host === rules.own && mayReach(host, 'network'))) return undefined
  const family = host.includes(':') ? 6 : 4
  if (!rules.families.has(family) || (peerOf(whole) ?? rules.peer) !== rules.peer) return undefined
  const bare = whole.decapsulateCode(CODE_P2P)
  return rules.canDial(bare) ? { address: bare.encapsulate(`/p2p/${rules.peer}`), host, family } : undefined
}
