import ipaddr from 'ipaddr.js'
import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import { scopeIdOf, zoneOf } from '../address.ts'
import type { RemoteKey } from '../flow.ts'
import { AF_INET, AF_INET6 } from './libc.ts'

/** sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6). */
const V4_BYTES = 16
const V6_BYTES = 28
/** Where sin6_scope_id is; it is in the machine's own byte order. */
const SCOPE_AT = 24

/** An address as the kernel takes it (ip(7), ipv6(7)). @throws NatError BAD_ADDRESS */
export function toSockaddr({ address, port }: Endpoint): Uint8Array {
  const [bare = ''] = address.split('%')
  if (!ipaddr.isValid(bare)) throw new NatError('BAD_ADDRESS', `${address} is not an IPv4 or IPv6 address`)
  const parsed = ipaddr.parse(bare)
  const v4 = parsed.kind() === 'ipv4'
  const bytes = new Uint8Array(v4 ? V4_BYTES : V6_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, v4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port)
  bytes.set(parsed.toByteArray(), v4 ? 4 : 8)
  if (!v4) view.setUint32(SCOPE_AT, scopeIdOf(address), true)
  return bytes
}

/** The address that the kernel wrote into the first bytes. */
export function fromSockaddr(bytes: Uint8Array): Endpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const v4 = view.getUint16(0, true) === AF_INET
  const raw = bytes.subarray(v4 ? 4 : 8, v4 ? 8 : 24)
  const address = ipaddr.fromByteArray([...raw]).toString()
  // the kernel fills it in for link-local addresses only, which are nothing without it
  const scopeId = v4 ? 0 : view.getUint32(SCOPE_AT, true)
  return { address: scopeId === 0 ? address : `${address}%${zoneOf(scopeId)}`, port: view.getUint16(2) }
}

/**
 * The key of the address at 32-bit word `at`. Read off memory without making objects for IPv4, since it runs per packet:
 * the words stay in network order, which is as good a key as any.
 */
export function keyAt(words: Uint32Array, at: number): RemoteKey {
  const port = words[at]! >>> 16
  if ((words[at]! & 0xffff) === AF_INET) return words[at + 1]! * 65536 + port
  return `${words[at + 2]}:${words[at + 3]}:${words[at + 4]}:${words[at + 5]}:${words[at + 6]}:${port}`
}

export function keyOfSockaddr(sockaddr: Uint8Array): RemoteKey {
  const padded = new Uint8Array(32)
  padded.set(sockaddr)
  return keyAt(new Uint32Array(padded.buffer), 0)
}
