import { networkInterfaces } from 'node:os'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { QUIC_V1 } from '@multiformats/multiaddr-matcher'
import ipaddr from 'ipaddr.js'
import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'

export type Family = 4 | 6

export interface QuicEndpoint extends Endpoint {
  readonly family: Family
}

/** Whether the address is a literal IP, UDP and quic-v1, with or without a peer id. */
export function isQuicAddress(address: Multiaddr): boolean {
  return QUIC_V1.exactMatch(address) && address.getComponents().some(({ name }) => name === 'ip4' || name === 'ip6')
}

/** As `isQuicAddress`, or with a name in place of the IP. */
export function isQuicDialable(address: Multiaddr): boolean {
  return QUIC_V1.exactMatch(address)
}

/** @throws NatError BAD_ADDRESS */
export function quicEndpoint(address: Multiaddr): QuicEndpoint {
  const components = address.getComponents()
  const ip = components.find(({ name }) => name === 'ip4' || name === 'ip6')
  const udp = components.find(({ name }) => name === 'udp')
  if (ip?.value == null || udp?.value == null) {
    throw new NatError(
      'BAD_ADDRESS',
      `${address} is not a QUIC address: it should look like /ip4/192.0.2.1/udp/4001/quic-v1`
    )
  }
  return { family: ip.name === 'ip4' ? 4 : 6, address: ip.value, port: Number(udp.value) }
}

export function quicMultiaddr({ address, port }: Endpoint, peer?: string): Multiaddr {
  const family = address.includes(':') ? 'ip6' : 'ip4'
  return multiaddr(`/${family}/${address}/udp/${port}/quic-v1${peer == null ? '' : `/p2p/${peer}`}`)
}

/** The peer id at the end of an address, if it has one. */
export function peerOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ name }) => name === 'p2p')?.value
}

export function isUnspecified(address: string): boolean {
  return ipaddr.parse(address).range() === 'unspecified'
}

export function isLoopback(address: string): boolean {
  return ipaddr.parse(address).range() === 'loopback'
}

/** What a socket on the unspecified address is reached by now: every address of this machine, without link-local zones. */
export function interfaceAddresses(family: Family): string[] {
  return Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(entry => entry.family === `IPv${family}` && ipaddr.parse(entry.address).range() !== 'linkLocal')
    .map(entry => entry.address)
}
