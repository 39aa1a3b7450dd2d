import { crc32 } from 'node:zlib'

/** STUN's magic cookie (RFC 8489 section 5). */
export const STUN_COOKIE = 0x2112a442
const STUN_HEADER_BYTES = 20
const STUN_FINGERPRINT = 0x8028
const STUN_FINGERPRINT_XOR = 0x5354554e
/** RFC 9000 section 14.1: a client pads every datagram with an Initial to this size. */
const QUIC_MIN_INITIAL_BYTES = 1200
const QUIC_MAX_CID_BYTES = 20
/** How long the engine's own connection ids are (quinn's hashed ids). */
export const OWN_ID_BYTES = 8
/** RFC 9000 section 7.2: the id that a client makes up for the server it does not know yet. */
const QUIC_MIN_FIRST_CID_BYTES = 8

/** What a long header tells (RFC 8999 section 5.1; the type bits are those of QUIC version 1, RFC 9000 section 17.2). */
export interface LongHeader {
  readonly version: number
  /** Hexadecimal, so that ids can be keys. */
  readonly destinationId: string
  readonly sourceId: string
  /** It can begin a connection: version 1, type Initial, padded as a client has to, to an id of the length that a client has to make up. */
  readonly opensConnection: boolean
}

/**
 * Whether these bytes are STUN and nothing else.
 *
 * QUIC endpoints clear the "QUIC bit" at will after the handshake (RFC 9287), so a first byte below 64 proves nothing:
 * half of all QUIC packets have it. A STUN message has the first two bits clear *and* the magic cookie *and* a length
 * that fits *and* a valid FINGERPRINT (RFC 8489 section 14.7) as its last attribute.
 */
export function isStun(bytes: Uint8Array): boolean {
  const length = bytes.length
  if (length < STUN_HEADER_BYTES + 8 || !hasStunHeader(bytes)) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  if (view.getUint16(length - 8) !== STUN_FINGERPRINT || view.getUint16(length - 6) !== 4) return false
  return view.getUint32(length - 4) === (crc32(bytes.subarray(0, length - 8)) ^ STUN_FINGERPRINT_XOR) >>> 0
}

/**
 * Whether these bytes may be STUN, FINGERPRINT or not: clients and servers of others send none. A QUIC
 * packet could be taken for it, so this counts only for a source that has no flow, from which none can be meant for anybody.
 */
export function looksLikeStun(bytes: Uint8Array): boolean {
  const length = bytes.length
  if (length < STUN_HEADER_BYTES || !hasStunHeader(bytes)) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  let at = STUN_HEADER_BYTES
  // the length is a multiple of four, so an attribute's head is never cut
  while (at < length) at += 4 + ((view.getUint16(at + 2) + 3) & ~3)
  return at === length
}

/** The first two bits, the cookie, and a length that fits. */
function hasStunHeader(bytes: Uint8Array): boolean {
  if (bytes[0]! > 0x3f) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(4) !== STUN_COOKIE) return false
  const bodyLength = view.getUint16(2)
  return bodyLength % 4 === 0 && STUN_HEADER_BYTES + bodyLength === bytes.length
}

/** Reads a QUIC long header; `undefined` for a short header and for what cannot be one. */
export function longHeader(bytes: Uint8Array): LongHeader | undefined {
  const length = bytes.length
  if (length < 7 || (bytes[0]! & 0x80) === 0) return undefined
  const version = new DataView(bytes.buffer, bytes.byteOffset, length).getUint32(1)
  const destinationLength = bytes[5]!
  const sourceAt = 6 + destinationLength
  if (destinationLength > QUIC_MAX_CID_BYTES || sourceAt >= length) return undefined
  const sourceLength = bytes[sourceAt]!
  if (sourceLength > QUIC_MAX_CID_BYTES || sourceAt + 1 + sourceLength > length) return undefined
  return {
    version,
    destinationId: hex(bytes, 6, destinationLength),
    sourceId: hex(bytes, sourceAt + 1, sourceLength),
    opensConnection:
      version === 1 &&
      (bytes[0]! & 0x30) === 0 &&
      length >= QUIC_MIN_INITIAL_BYTES &&
      destinationLength >= QUIC_MIN_FIRST_CID_BYTES
  }
}

/** The destination id of a short header, which has no length on the wire: the receiver knows how long its own ids are. */
export function shortHeaderId(bytes: Uint8Array, idLength: number): string | undefined {
  return bytes.length > idLength ? hex(bytes, 1, idLength) : undefined
}

function hex(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('hex')
}
