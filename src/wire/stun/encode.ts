import { NatError } from '../../core/errors.ts'
import { FORMATS } from './formats.ts'
import { type Integrity, withFingerprint, withIntegrity } from './integrity.ts'
import type { KnownAttribute, StunAttribute, StunMessage } from './message.ts'
import type { Format } from './primitives.ts'
import { ATTRIBUTES, CLASSES, HEADER_BYTES, MAGIC_COOKIE, METHODS, TRANSACTION_ID_BYTES } from './registry.ts'

export interface EncodeOptions {
  /** Adds MESSAGE-INTEGRITY (`sha1`) or MESSAGE-INTEGRITY-SHA256 (`sha256`). @default none */
  readonly integrity?: Integrity
  /** Adds FINGERPRINT. @default false */
  readonly fingerprint?: boolean
}

/** The header's length field counts what follows it in 16 bits, and is a multiple of four. */
const MAX_BODY_BYTES = 0xfffc

/**
 * Writes a message. MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT come out of the options; those among the
 * attributes, which a decoded message has, are left out.
 *
 * @throws NatError MALFORMED for a value that an attribute, or a message, cannot hold
 */
export function encodeStun(message: StunMessage, options: EncodeOptions = {}): Uint8Array {
  const { transactionId } = message
  if (transactionId.length !== TRANSACTION_ID_BYTES) throw malformed('a transaction id has 12 bytes')
  const parts: { readonly code: number; readonly value: Uint8Array }[] = []
  let length = 0
  for (const attribute of message.attributes) {
    if (isComputed(attribute)) continue
    const part =
      attribute.type === 'unknown'
        ? attribute
        : { code: ATTRIBUTES[attribute.type], value: write(attribute, transactionId) }
    parts.push(part)
    length += 4 + padded(part.value.length)
  }
  // room for the longest that the options can add
  if (length > MAX_BODY_BYTES - 44) throw malformed(`${length} bytes of attributes`)
  let bytes: Uint8Array = new Uint8Array(HEADER_BYTES + length)
  put16(bytes, 0, typeOf(message))
  put16(bytes, 2, length)
  put16(bytes, 4, MAGIC_COOKIE >>> 16)
  put16(bytes, 6, MAGIC_COOKIE & 0xffff)
  bytes.set(transactionId, 8)
  let at = HEADER_BYTES
  for (const { code, value } of parts) {
    put16(bytes, at, code)
    put16(bytes, at + 2, value.length)
    bytes.set(value, at + 4)
    at += 4 + padded(value.length)
  }
  if (options.integrity != null) bytes = withIntegrity(bytes, options.integrity)
  return options.fingerprint === true ? withFingerprint(bytes) : bytes
}

function isComputed({ type }: StunAttribute): boolean {
  return type === 'MESSAGE-INTEGRITY' || type === 'MESSAGE-INTEGRITY-SHA256' || type === 'FINGERPRINT'
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value
}

function typeOf(message: Pick<StunMessage, 'class' | 'method'>): number {
  const method = typeof message.method === 'number' ? message.method : METHODS[message.method]
  if (!Number.isInteger(method) || method < 0 || method > 0xfff) throw malformed(`no method has the number ${method}`)
  const kind = CLASSES.indexOf(message.class)
  const spread = (method & 0x00f) | ((method & 0x070) << 1) | ((method & 0xf80) << 2)
  return spread | ((kind & 2) << 7) | ((kind & 1) << 4)
}

function write(attribute: Exclude<StunAttribute, { type: 'unknown' }>, transactionId: Uint8Array): Uint8Array {
  return (FORMATS[attribute.type] as Format<KnownAttribute>).write(attribute, transactionId)
}

function padded(length: number): number {
  return length + (-length & 3)
}

function malformed(what: string): NatError {
  return new NatError('MALFORMED', `STUN: ${what}`)
}
