import { NatError } from '../../core/errors.ts'
import { FORMATS } from './formats.ts'
import { fingerprintUpTo } from './integrity.ts'
import type { KnownAttribute, StunAttribute, StunMessage } from './message.ts'
import {
  ATTRIBUTES,
  type AttributeName,
  CLASSES,
  HEADER_BYTES,
  MAGIC_COOKIE,
  METHODS,
  OLD_XOR_MAPPED_ADDRESS,
  type StunMethod
} from './registry.ts'

/** Far more than any of the RFCs' messages has; a datagram of 64 KiB could hold 16,000. */
export const MAX_ATTRIBUTES = 128

const NAMES = new Map<number, AttributeName>([
  ...Object.entries(ATTRIBUTES).map(([name, code]) => [code, name as AttributeName] as const),
  [OLD_XOR_MAPPED_ADDRESS, 'XOR-MAPPED-ADDRESS']
])
const METHOD_NAMES = new Map<number, StunMethod>(
  Object.entries(METHODS).map(([name, code]) => [code, name as StunMethod])
)

/**
 * What may stand behind an attribute (RFC 8489 sections 14.5 to 14.7): others there were added by somebody on the way, and
 * are not read.
 */
const BEHIND: { readonly [Name in AttributeName]?: readonly AttributeName[] } = {
  'MESSAGE-INTEGRITY': ['MESSAGE-INTEGRITY-SHA256', 'FINGERPRINT'],
  'MESSAGE-INTEGRITY-SHA256': ['FINGERPRINT']
}

/** Reads the one message that `bytes` must be. A FINGERPRINT that is there is checked. @throws NatError MALFORMED */
export function decodeStun(bytes: Uint8Array): StunMessage {
  const header = readHeader(bytes)
  const { transactionId } = header
  const attributes: StunAttribute[] = []
  let count = 0
  let allowed: readonly AttributeName[] | undefined
  for (let at = HEADER_BYTES; at < bytes.length; count++) {
    // the whole length is a multiple of four, so an attribute's head is never cut
    const code = (bytes[at]! << 8) | bytes[at + 1]!
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!
    const end = at + 4 + length + (-length & 3)
    if (end > bytes.length) throw malformed(`attribute ${hex(code)} reaches beyond the end`)
    if (count === MAX_ATTRIBUTES) throw malformed(`more than ${MAX_ATTRIBUTES} attributes`)
    const name = NAMES.get(code)
    if (name === 'FINGERPRINT') checkFingerprint(bytes, at)
    if (allowed == null || (name != null && allowed.includes(name))) {
      const value = bytes.subarray(at + 4, at + 4 + length)
      attributes.push(
        name == null ? { type: 'unknown', code, value: new Uint8Array(value) } : read(name, value, transactionId)
      )
      allowed = (name == null ? undefined : BEHIND[name]) ?? allowed
    }
    at = end
  }
  return { ...header, attributes }
}

/** @throws NatError MALFORMED */
function readHeader(bytes: Uint8Array): Omit<StunMessage, 'attributes'> {
  if (bytes.length < HEADER_BYTES) throw malformed(`${bytes.length} bytes are less than a header`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const type = view.getUint16(0)
  if (type > 0x3fff) throw malformed('the first two bits are not clear')
  if (view.getUint32(4) !== MAGIC_COOKIE) throw malformed('no magic cookie')
  const length = view.getUint16(2)
  if (length % 4 !== 0 || HEADER_BYTES + length !== bytes.length) {
    throw malformed(`a length of ${length} in ${bytes.length} bytes`)
  }
  const code = methodCode(type)
  return {
    class: CLASSES[((type >> 7) & 2) | ((type >> 4) & 1)]!,
    method: METHOD_NAMES.get(code) ?? code,
    transactionId: new Uint8Array(bytes.subarray(8, HEADER_BYTES))
  }
}

/** RFC 8489 section 5: the class's two bits stand between those of the method. */
function methodCode(type: number): number {
  return (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2)
}

function read(name: AttributeName, value: Uint8Array, transactionId: Uint8Array): KnownAttribute {
  return { type: name, ...FORMATS[name].read(value, transactionId) } as KnownAttribute
}

function checkFingerprint(bytes: Uint8Array, at: number): void {
  if (at !== bytes.length - 8) throw malformed('FINGERPRINT is not the last attribute')
  const found = new DataView(bytes.buffer, bytes.byteOffset + at + 4, 4).getUint32(0)
  if (found !== fingerprintUpTo(bytes, at)) throw malformed('FINGERPRINT does not fit')
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(4, '0')}`
}

function malformed(what: string): NatError {
  return new NatError('MALFORMED', `STUN: ${what}`)
}
