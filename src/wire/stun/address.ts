import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { NatError } from '../../core/errors.ts'
import type { StunAddress } from './message.ts'
import { MAGIC_COOKIE } from './registry.ts'

const FAMILY_IPV4 = 1
const FAMILY_IPV6 = 2

/** Reads an address attribute; with a transaction id one whose port and address are masked (RFC 8489 section 14.2). */
export function readAddress(bytes: Uint8Array, transactionId?: Uint8Array): StunAddress {
  const length = bytes[1] === FAMILY_IPV4 ? 4 : bytes[1] === FAMILY_IPV6 ? 16 : undefined
  if (length == null || bytes.length !== 4 + length) {
    throw new NatError('MALFORMED', `a STUN address of family ${bytes[1]} in ${bytes.length} bytes`)
  }
  const plain = transactionId == null ? bytes : masked(bytes, transactionId)
  return { address: text(plain.subarray(4)), port: (plain[2]! << 8) | plain[3]! }
}

export function writeAddress({ address, port }: StunAddress, transactionId?: Uint8Array): Uint8Array {
  const octets = octetsOf(address)
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new NatError('MALFORMED', `STUN carries no port ${port}`)
  }
  const bytes = new Uint8Array(4 + octets.length)
  bytes[1] = octets.length === 4 ? FAMILY_IPV4 : FAMILY_IPV6
  bytes[2] = port >> 8
  bytes[3] = port & 0xff
  bytes.set(octets, 4)
  return transactionId == null ? bytes : masked(bytes, transactionId)
}

/** Masks, and unmasks: the port and IPv4 with the cookie, IPv6 with cookie and transaction id, so that no NAT rewrites them. */
function masked(bytes: Uint8Array, transactionId: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes)
  result[2]! ^= MAGIC_COOKIE >>> 24
  result[3]! ^= (MAGIC_COOKIE >>> 16) & 0xff
  for (let i = 4; i < result.length; i++) {
    result[i]! ^= i < 8 ? (MAGIC_COOKIE >>> (8 * (7 - i))) & 0xff : transactionId[i - 8]!
  }
  return result
}

function text(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  return ipaddr.fromByteArray([...octets]).toString()
}

function octetsOf(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number)
  if (isIPv6(address) && !address.includes('%')) return Uint8Array.from(ipaddr.parse(address).toByteArray())
  throw new NatError('MALFORMED', `STUN carries no address ${address}: it must be a literal one without zone`)
}
