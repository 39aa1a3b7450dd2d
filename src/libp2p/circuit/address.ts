import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../core/errors.ts'

export interface CircuitAddress {
  readonly relay: PeerId
  /** How the relay is reached; only its peer id when the address says no more. */
  readonly relayAddress: Multiaddr
  readonly target: PeerId
}

/** Takes a relayed address apart. @throws NatError BAD_ADDRESS */
export function circuitAddress(address: Multiaddr): CircuitAddress {
  const [before, after] = address.toString().split('/p2p-circuit')
  const relayAddress = multiaddr(before)
  const relay = lastPeer(relayAddress)
  const target = lastPeer(multiaddr(after))
  if (relay == null || target == null) {
    throw new NatError(
      'BAD_ADDRESS',
      `${address} names no relay or no peer: it looks like …/p2p/RELAY/p2p-circuit/p2p/PEER`
    )
  }
  return { relay, relayAddress, target }
}

/** The peer that an address ends at; undefined when it says none. */
export function lastPeer(address: Multiaddr): PeerId | undefined {
  const id = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
  return id == null ? undefined : peerIdFromString(id)
}

/** The relay's address with its peer id, which an address seen on a connection may lack. */
export function withPeer(address: Multiaddr, peer: PeerId): Multiaddr {
  return lastPeer(address) == null ? address.encapsulate(`/p2p/${peer}`) : address
}
