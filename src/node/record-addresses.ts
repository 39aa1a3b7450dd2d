import type { PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type AllowPrivate, ipScope, mayReach } from '../core/ip.ts'
import { endpointOf } from '../libp2p/candidate.ts'
import type { KnownPeer } from '../libp2p/peer-record.ts'

/** How many addresses a record may have us dial. */
export interface WaysMax {
  readonly relays: number
  /** Of each relay. */
  readonly relayAddresses: number
  readonly direct: number
}

/** Of a peer that we look for: the record is signed, but the peer may be anybody. A node has two or three hubs, each with a few transports. */
const MAX_SOUGHT: WaysMax = { relays: 4, relayAddresses: 4, direct: 4 }

/** Of a peer that calls: who has us dial is a stranger, for one small frame, and where to is its choice. A handshake or three is all that it gets for that. */
export const MAX_CALLER: WaysMax = { relays: 2, relayAddresses: 1, direct: 1 }

export interface Own {
  readonly id: PeerId
  readonly addresses: readonly Multiaddr[]
  /** Ids of our hubs: by those the peer is dialled anyway. */
  readonly hubs: ReadonlySet<string>
  readonly allowPrivate: AllowPrivate
  /** All our hubs are on this machine's loopback: so may other relays be, of hubs that share a store with ours. */
  readonly isOnThisMachine: boolean
}

export interface WaysTo {
  /** By relays that are not our hubs: one address of each, then the next of each. */
  readonly relayed: readonly Multiaddr[]
  readonly direct: readonly Multiaddr[]
}

interface Relayed {
  readonly relay: string
  readonly address: Multiaddr
}

/** Which addresses of a record are worth dialling, best first: literal ones that lead where we may go, and none of our own. */
export function waysTo(
  { peer, addresses: all }: Pick<KnownPeer, 'peer' | 'addresses'>,
  own: Own,
  max = MAX_SOUGHT
): WaysTo {
  const addresses = all.filter(isWhatItSays)
  const ours = new Set(own.addresses.flatMap(address => placeOf(address) ?? []))
  const mayDial = (address: Multiaddr, isRelay = false) => {
    const endpoint = endpointOf(address)
    if (endpoint == null || endpoint.port === 0 || ours.has(placeOf(address)!)) return false
    const isHere = isRelay && own.isOnThisMachine && ipScope(endpoint.address) === 'loopback'
    return isHere || mayReach(endpoint.address, own.allowPrivate)
  }
  const strangers = new Set([peer.toString(), own.id.toString(), ...own.hubs])
  const byRelay = Map.groupBy(
    addresses
      .flatMap(address => relayedBy(address, peer) ?? [])
      .filter(({ relay, address }) => !strangers.has(relay) && mayDial(address, true)),
    ({ relay }) => relay
  )
  const relays = [...byRelay.values()].slice(0, max.relays).map(each => {
    return quicFirst(each.map(({ address }) => address)).slice(0, max.relayAddresses)
  })
  const relayed = Array.from({ length: max.relayAddresses }, (_, turn) => relays.flatMap(each => each[turn] ?? []))
  const direct = addresses.flatMap(address => bareOf(address, peer) ?? []).filter(each => mayDial(each))
  return {
    relayed: relayed.flat().map(address => address.encapsulate(`/p2p-circuit/p2p/${peer}`)),
    direct: quicFirst(direct)
      .slice(0, max.direct)
      .map(address => address.encapsulate(`/p2p/${peer}`))
  }
}

/** Some cannot be read again from their text, or are something else then: a name with a slash in it, or none at all. They are taken apart by their text here. */
function isWhatItSays(address: Multiaddr): boolean {
  try {
    return multiaddr(address.toString()).equals(address)
  } catch {
    return false
  }
}

/** The relay's address with its id, when the address is one by one relay and says nothing behind it, but whose it is. */
function relayedBy(address: Multiaddr, peer: PeerId): Relayed | undefined {
  const [relay, behind, ...more] = address.toString().split('/p2p-circuit')
  if (relay == null || behind == null || more.length > 0) return undefined
  if (behind !== '' && behind !== `/p2p/${peer}`) return undefined
  const ids = multiaddr(relay)
    .getComponents()
    .filter(({ name }) => name === 'p2p')
  const [id] = ids
  if (ids.length !== 1 || id?.value == null || !relay.endsWith(`/p2p/${id.value}`)) return undefined
  return { relay: id.value, address: multiaddr(relay) }
}

/** A direct address without the peer's id. */
function bareOf(address: Multiaddr, peer: PeerId): Multiaddr | undefined {
  const text = address.toString()
  const own = `/p2p/${peer}`
  const bare = text.endsWith(own) ? text.slice(0, -own.length) : text
  return /\/p2p(-circuit)?(\/|$)/.test(bare) ? undefined : multiaddr(bare)
}

/** Protocol, address and port. */
function placeOf(address: Multiaddr): string | undefined {
  const endpoint = endpointOf(address)
  const [, transport] = address.getComponents()
  return endpoint == null ? undefined : `${transport?.name} ${endpoint.address} ${endpoint.port}`
}

/** Of a link's paths a QUIC one loses least. */
function quicFirst(addresses: readonly Multiaddr[]): Multiaddr[] {
  const isQuic = (address: Multiaddr) => address.toString().includes('/quic-v1')
  return [...addresses.filter(isQuic), ...addresses.filter(address => !isQuic(address))]
}
