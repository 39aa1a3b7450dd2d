import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { NetHost } from '../core/net.ts'

/** The name that exists for this question, and its two IPv4 addresses (RFC 7050 section 8). */
export const NAT64_NAME = 'ipv4only.arpa'
const WELL_KNOWN = [
  [192, 0, 0, 170],
  [192, 0, 0, 171]
] as const

/** Lengths of prefixes, the likely one first, and where the bytes of the IPv4 address are then (RFC 6052 section 2.2). */
const PLACES = [
  [96, [12, 13, 14, 15]],
  [64, [9, 10, 11, 12]],
  [56, [7, 9, 10, 11]],
  [48, [6, 7, 9, 10]],
  [40, [5, 6, 7, 9]],
  [32, [4, 5, 6, 7]]
] as const

/** A name server could answer with any number. */
const MAX_ADDRESSES = 16

/** The network's prefix for IPv4 addresses, as its name server shows it; null where there is none. @throws the signal's reason */
export async function findNat64(host: NetHost, signal: AbortSignal): Promise<string | null> {
  return nat64Prefix(await host.resolve(NAT64_NAME, 6, signal))
}

/** The prefix of what a name server with DNS64 makes of {@link NAT64_NAME} (RFC 7050 section 3). */
export function nat64Prefix(addresses: readonly string[]): string | null {
  for (const address of addresses.slice(0, MAX_ADDRESSES)) {
    if (!isIPv6(address)) continue
    const bytes = ipaddr.IPv6.parse(address).toByteArray()
    for (const [length, places] of PLACES) {
      const found = WELL_KNOWN.some(known => known.every((byte, index) => bytes[places[index]!] === byte))
      // bits 64 to 71 are zero in every form
      if (!found || bytes[8] !== 0) continue
      const prefix = bytes.map((byte, index) => (index < length / 8 ? byte : 0))
      return `${ipaddr.fromByteArray(prefix)}/${length}`
    }
  }
  return null
}
