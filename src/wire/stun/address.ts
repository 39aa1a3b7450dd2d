import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { NatError } from '../../core/errors.ts'
import type { StunAddress } from './message.ts'
import { MAGIC_COOKIE } from './registry.ts'

const FAMILY_IPV4 = 1
const FAMILY_IPV6 = 2
const DOT = 0x2e
const ZERO = 0x30

/** Reads an address attribute; with a transaction id one whose port and address are masked (RFC 8489 section 14.2). */
export function readAddress(bytes: Uint8Array, transactionId?: Uint8Array): StunAddress {
  const length = bytes[1] === FAMILY_IPV4 ? 4 : bytes[1] === FAMILY_IPV6 ? 16 : undefined
  if (length == null || bytes.length !== 4 + length) {
    throw new NatError('MALFORMED', `a STUN address of family ${bytes[1]} in ${bytes.length} bytes`)
  }
  const plain = new Uint8Array(bytes)
  if (transactionId != null) mask(plain, transactionId)
  return { address: text(plain.subarray(4)), port: (plain[2]! << 8) | plain[3]! }
}

export function writeAddress({ address, port }: StunAddress, transactionId?: Uint8Array): Uint8Array {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new NatError('MALFORMED', `STUN carries no port ${port}`)
  }
  const v4 = isIPv4(address)
  const bytes = new Uint8Array(v4 ? 8 : 20)
  bytes[1] = v4 ? FAMILY_IPV4 : FAMILY_IPV6
  bytes[2] = port >> 8
  bytes[3] = port & 0xff
  if (v4) writeIPv4(bytes, address)
  else bytes.set(ipv6Octets(address), 4)
  if (transactionId != null) mask(bytes, transactionId)
  return bytes
}

/** Masks, and unmasks: the port and IPv4 with the cookie, IPv6 with cookie and transaction id, so that no NAT rewrites them. */
function mask(bytes: Uint8Array, transactionId: Uint8Array): void {
  bytes[2]! ^= MAGIC_COOKIE >>> 24
  bytes[3]! ^= (MAGIC_COOKIE >>> 16) & 0xff
  for (let i = 4; i < bytes.length; i++) {
    bytes[i]! ^= i < 8 ? (MAGIC_COOKIE >>> (8 * (7 - i))) & 0xff : transactionId[i - 8]!
  }
}

function text(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  return ipaddr.fromByteArray([...octets]).toString()
}

/** Digit by digit: a server does it for every answer, and splitting texts takes longer than all the rest. */
function writeIPv4(bytes: Uint8Array, address: string): void {
  let at = 4
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i)
    if (code === DOT) at++
    else bytes[at] = bytes[at]! * 10 + code - ZERO
  }
}

function ipv6Octets(address: string): number[] {
  if (isIPv6(address) && !address.includes('%')) return ipaddr.parse(address).toByteArray()
  throw new NatError('MALFORMED', `STUN carries no address ${address}: it must be a literal one without zone`)
}
