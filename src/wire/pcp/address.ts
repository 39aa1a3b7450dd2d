import ipaddr from 'ipaddr.js'
import { NatError } from '../../core/errors.ts'

export const ADDRESS_BYTES = 16

/** An address in PCP's 128 bits: IPv4 is IPv4-mapped (RFC 6887 section 5). @throws NatError MALFORMED when it is no literal */
export function writeAddress(bytes: Uint8Array, offset: number, address: string): void {
  if (!ipaddr.isValid(address) || address.includes('%')) {
    throw new NatError('MALFORMED', `'${address}' is not an IP address that PCP can carry`)
  }
  const parsed = ipaddr.parse(address)
  bytes.set((parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress() : parsed).toByteArray(), offset)
}

/** `0.0.0.0` and `::` are two different ways to say "any". */
export function readAddress(bytes: Uint8Array, offset: number): string {
  const address = new ipaddr.IPv6([...bytes.subarray(offset, offset + ADDRESS_BYTES)])
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toString()
}
