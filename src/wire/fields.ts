import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { NatError } from '../core/errors.ts'

/** What fields of our own messages may hold, on the way out and on the way in. Each throws MALFORMED. */

export function count(value: number | undefined): number {
  return within(value, 0, Number.MAX_SAFE_INTEGER, 'count')
}

export function within(value: number | undefined, min: number, max: number, what: string): number {
  if (value == null || !Number.isSafeInteger(value) || value < min || value > max) {
    throw malformed(`a ${what} of ${value}`)
  }
  return value
}

export function exactly(value: Uint8Array | undefined, length: number, what: string): Uint8Array {
  return sized(value, length, length, what)
}

export function sized(value: Uint8Array | undefined, min: number, max: number, what: string): Uint8Array {
  if (value == null || value.length < min || value.length > max) {
    throw malformed(`a ${what} of ${value?.length ?? 0} bytes`)
  }
  return value
}

export function atMost<T>(all: readonly T[], max: number, what: string): readonly T[] {
  if (all.length > max) throw malformed(`${all.length} ${what}`)
  return all
}

/** A literal address as 4 or 16 bytes. */
export function addressBytes(address: string): Uint8Array {
  // a zone means something on one host only
  if (!isIPv4(address) && !(isIPv6(address) && !address.includes('%'))) {
    throw malformed(`'${address}' is no address that others can use`)
  }
  return Uint8Array.from(ipaddr.parse(address).toByteArray())
}

/** The address in canonical spelling. */
export function addressText(bytes: Uint8Array | undefined): string {
  if (bytes?.length !== 4 && bytes?.length !== 16) throw malformed(`an address of ${bytes?.length ?? 0} bytes`)
  return ipaddr.fromByteArray([...bytes]).toString()
}

export function malformed(what: string): NatError {
  return new NatError('MALFORMED', `a message may not hold ${what}`)
}
