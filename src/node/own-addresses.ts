import type { Multiaddr } from '@multiformats/multiaddr'
import { type AllowPrivate, ipScope, mayReach } from '../core/ip.ts'
import { endpointOf } from '../libp2p/candidate.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import { MAX_RECORD_ADDRESSES } from '../wire/record.ts'

/** A relay has a few interfaces, each with a few transports: who looks for us dials so many of one. */
const MAX_PER_RELAY = 4
/** Of all together: an envelope has 8 kB, of which a key and a network take two at most. */
const MAX_BYTES = 5_000

/**
 * Which of a node's addresses its record names, and in which order: those by which it can be reached at all come first. Private ones only where peers
 * have them too, because whoever asks for the record would hear of the node's own network else.
 *
 * @param isOnThisMachine all hubs are on its loopback: then relays there are named, for who uses another one of the same fleet
 */
export function recordAddresses(
  addresses: readonly Multiaddr[],
  allowPrivate: AllowPrivate,
  isOnThisMachine = false
): Multiaddr[] {
  const perRelay = new Map<string, number>()
  const isFewOfRelay = (circuit: Multiaddr) => {
    const relay = String(lastPeer(relayOf(circuit)))
    const count = (perRelay.get(relay) ?? 0) + 1
    perRelay.set(relay, count)
    return count <= MAX_PER_RELAY
  }
  const mayNameRelay = (relay: Multiaddr) => mayName(relay, allowPrivate) || (isOnThisMachine && isOnLoopback(relay))
  const circuits = bestFirst(addresses.filter(each => isCircuit(each) && mayNameRelay(relayOf(each))))
  const direct = bestFirst(addresses.filter(each => !isCircuit(each) && mayName(each, allowPrivate)))
  let bytes = 0
  return [...circuits.filter(isFewOfRelay), ...direct].slice(0, MAX_RECORD_ADDRESSES).filter(each => {
    bytes += each.bytes.length
    return bytes <= MAX_BYTES
  })
}

function isCircuit(address: Multiaddr): boolean {
  return address.toString().includes('/p2p-circuit')
}

function relayOf(circuit: Multiaddr): Multiaddr {
  return circuit.decapsulate('/p2p-circuit')
}

/** A name is public, or nobody's. */
function mayName(address: Multiaddr, allowPrivate: AllowPrivate): boolean {
  if (isName(address)) return true
  const endpoint = endpointOf(address)
  return endpoint != null && endpoint.port > 0 && mayReach(endpoint.address, allowPrivate)
}

function isOnLoopback(address: Multiaddr): boolean {
  const endpoint = endpointOf(address)
  return endpoint != null && endpoint.port > 0 && ipScope(endpoint.address) === 'loopback'
}

/** By QUIC a relay is reached soonest; and whoever looks for us may pass over names, which may mean any address. */
function bestFirst(addresses: readonly Multiaddr[]): Multiaddr[] {
  const rank = (address: Multiaddr) => Number(isName(address)) * 2 + Number(!address.toString().includes('/quic-v1'))
  return addresses.toSorted((one, other) => rank(one) - rank(other))
}

function isName(address: Multiaddr): boolean {
  return address.getComponents()[0]?.name.startsWith('dns') === true
}
