import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { ATTRIBUTES, HEADER_BYTES, type PasswordAlgorithmName } from './registry.ts'

export type IntegrityHash = 'sha1' | 'sha256'

export interface Integrity {
  /** For a short-term credential the password's bytes; else see `longTermKey`. */
  readonly key: Uint8Array
  readonly hash: IntegrityHash
}

/** RFC 8489 section 14.7: so that another protocol's CRC-32 at the same place is none of ours. */
const FINGERPRINT_XOR = 0x5354554e

const HASHES = {
  sha1: { code: ATTRIBUTES['MESSAGE-INTEGRITY'], bytes: 20 },
  sha256: { code: ATTRIBUTES['MESSAGE-INTEGRITY-SHA256'], bytes: 32 }
} as const

/** The message with MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 behind it (RFC 8489 sections 14.5 and 14.6). */
export function withIntegrity(bytes: Uint8Array, { key, hash }: Integrity): Uint8Array {
  const { code, bytes: length } = HASHES[hash]
  const result = withRoom(bytes, code, length)
  result.set(hmacUpTo(result, bytes.length, key, hash), bytes.length + 4)
  return result
}

/** The message with FINGERPRINT behind it, which must be the last of all. */
export function withFingerprint(bytes: Uint8Array): Uint8Array {
  const result = withRoom(bytes, ATTRIBUTES.FINGERPRINT, 4)
  new DataView(result.buffer).setUint32(bytes.length + 4, fingerprintUpTo(result, bytes.length))
  return result
}

/** What FINGERPRINT has to hold when its attribute begins at `end`. */
export function fingerprintUpTo(bytes: Uint8Array, end: number): number {
  return (crc32(bytes.subarray(0, end)) ^ FINGERPRINT_XOR) >>> 0
}

/**
 * Whether a message that `decodeStun` takes was made by somebody with the key. Of the two hashes the stronger one that is
 * present counts, so that nobody gets past it by adding the other; a message with neither was made by nobody.
 */
export function verifyIntegrity(bytes: Uint8Array, key: Uint8Array): boolean {
  const hash = whereIs(bytes, 'sha256') == null ? 'sha1' : 'sha256'
  const at = whereIs(bytes, hash)
  if (at == null) return false
  return timingSafeEqual(hmacUpTo(bytes, at, key, hash), bytes.subarray(at + 4, at + 4 + HASHES[hash].bytes))
}

/**
 * The key of a long-term credential (RFC 8489 section 9.2.2). Name and password go through the profile OpaqueString
 * (RFC 8265 section 4.2) as far as it changes anything: NFC, and every space is the ASCII one.
 */
export function longTermKey(
  username: string,
  realm: string,
  password: string,
  algorithm: PasswordAlgorithmName = 'md5'
): Uint8Array {
  const text = [username, realm, password].map(opaque).join(':')
  return new Uint8Array(createHash(algorithm).update(text).digest())
}

/** Stands for the user's name where that shall not be read on the way (RFC 8489 section 14.4). */
export function userhash(username: string, realm: string): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(`${opaque(username)}:${opaque(realm)}`)
      .digest()
  )
}

function opaque(text: string): string {
  return text.replace(/\p{Zs}/gu, ' ').normalize('NFC')
}

function withRoom(bytes: Uint8Array, code: number, length: number): Uint8Array {
  const result = new Uint8Array(bytes.length + 4 + length)
  result.set(bytes)
  const view = new DataView(result.buffer)
  view.setUint16(2, result.length - HEADER_BYTES)
  view.setUint16(bytes.length, code)
  view.setUint16(bytes.length + 2, length)
  return result
}

/** The message is signed as if the attribute that begins at `end` were its last. */
function hmacUpTo(bytes: Uint8Array, end: number, key: Uint8Array, hash: IntegrityHash): Buffer {
  const length = end + 4 + HASHES[hash].bytes - HEADER_BYTES
  return createHmac(hash, key)
    .update(bytes.subarray(0, 2))
    .update(Uint8Array.of(length >> 8, length & 0xff))
    .update(bytes.subarray(4, end))
    .digest()
}

function whereIs(bytes: Uint8Array, hash: IntegrityHash): number | undefined {
  const { code, bytes: wanted } = HASHES[hash]
  for (let at = HEADER_BYTES; at + 4 <= bytes.length; ) {
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!
    if (((bytes[at]! << 8) | bytes[at + 1]!) === code) {
      return length === wanted && at + 4 + length <= bytes.length ? at : undefined
    }
    at += 4 + length + (-length & 3)
  }
  return undefined
}
