import { isIP, SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'
import { NatError } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Path } from './path.ts'

/**
 * The address as the system itself writes it, so that two spellings of one address are one key. IPv4 inside IPv6
 * (`::ffff:192.0.2.1`) becomes IPv4: our IPv6 sockets carry IPv6 only.
 *
 * @throws NatError BAD_ADDRESS
 */
export function systemAddress(address: string): string {
  const family = isIP(address)
  if (family === 4) return address
  if (family === 0) throw new NatError('BAD_ADDRESS', `${address} is not an IPv4 or IPv6 address`)
  const [bare = '', zone] = address.split('%')
  const parsed = ipaddr.IPv6.parse(bare)
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString()
  const text = new SocketAddress({ address: bare, family: 'ipv6' }).address
  if (zone == null || parsed.range() !== 'linkLocal') return text
  const found = interfaces().find(({ name, scopeId }) => name === zone || String(scopeId) === zone)
  if (found == null) throw new NatError('BAD_ADDRESS', `${address}: this machine has no IPv6 interface ${zone}`)
  return `${text}%${found.name}`
}

/** An endpoint that a datagram can be sent to. @throws NatError BAD_ADDRESS */
export function systemEndpoint({ address, port }: Endpoint): Endpoint {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new NatError('BAD_ADDRESS', `${address} port ${port}: a port is between 1 and 65535`)
  }
  return { address: systemAddress(address), port }
}

/** A path that packets can be sent by. @throws NatError BAD_ADDRESS */
export function systemPath(path: Path): Path {
  return path.kind === 'udp' ? { ...path, remote: systemEndpoint(path.remote) } : path
}

/** The number by which the kernel knows an interface (`fe80::1%eth0` -> eth0's); 0 for an address without a zone. */
export function scopeIdOf(address: string): number {
  const zone = address.split('%')[1]
  if (zone == null) return 0
  return interfaces().find(({ name, scopeId }) => name === zone || String(scopeId) === zone)?.scopeId ?? 0
}

/** The zone to write behind an address that is unique on one link only; the number itself when the interface is gone. */
export function zoneOf(scopeId: number): string {
  return interfaces().find(each => each.scopeId === scopeId)?.name ?? String(scopeId)
}

function interfaces(): { name: string; scopeId: number }[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).flatMap(entry =>
      entry.family === 'IPv6' && entry.scopeid > 0 ? [{ name, scopeId: entry.scopeid }] : []
    )
  )
}
