import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import {
  decodeStun,
  encodeStun,
  find,
  type StunMessage,
  unknownRequired,
  verifyIntegrity
} from '../../wire/stun/index.ts'
import type { CheckKeys } from './api.ts'

/** What libwebrtc nominates with, again and again (draft-thatcher-ice-renomination): a counter of 32 bits. */
const NOMINATION = 0xc001

/**
 * RFC 8445 section 5.1.2.1 for a peer-reflexive candidate, which section 7.1.1 has in every check. Nobody here reads it; with it an answer is
 * never longer than what it answers, over IPv6 neither.
 */
const PRIORITY = 110 * 2 ** 24 + 65_535 * 2 ** 8 + 255

/** The header's first two bytes (RFC 8489 section 5). */
const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const USERNAME = 0x0006
const LINK_DIGITS = 16

export type Check =
  | { readonly type: 'request'; readonly id: Uint8Array; readonly nomination: number | undefined }
  /** `mapped`: where our check came from, as the other side sees it. */
  | { readonly type: 'answer'; readonly id: Uint8Array; readonly mapped: Endpoint | undefined }

/** The id of a transaction: a tag by which the driver finds the agent, a number that rises, and 32 random bits. */
export function checkId(tag: number, number: number, random: Uint8Array): Uint8Array {
  const id = new Uint8Array(12)
  const view = new DataView(id.buffer)
  view.setUint32(0, tag)
  view.setUint32(4, number)
  id.set(random.subarray(0, 4), 8)
  return id
}

/** Which of the sender's checks it is; signed, as all of the header is. */
export function checkNumber(id: Uint8Array): number {
  return new DataView(id.buffer, id.byteOffset).getUint32(4)
}

/** A check of ours. With `nomination` it also says that our packets go by this path from now on. */
export function encodeRequest(keys: CheckKeys, transactionId: Uint8Array, nomination?: number): Uint8Array {
  const value = new Uint8Array(4)
  new DataView(value.buffer).setUint32(0, nomination ?? 0)
  const attributes: StunMessage['attributes'] = [
    // first, where checkTarget looks for it
    { type: 'USERNAME', value: keys.link },
    { type: 'PRIORITY', priority: PRIORITY },
    ...(nomination == null
      ? []
      : [{ type: 'USE-CANDIDATE' } as const, { type: 'unknown', code: NOMINATION, value } as const])
  ]
  return signed({ class: 'request', method: 'binding', transactionId, attributes }, keys.mine)
}

/** The answer to a check of theirs, signed with the key of who asked; `mapped`: where it came from, over UDP. */
export function encodeAnswer(keys: CheckKeys, transactionId: Uint8Array, mapped?: Endpoint): Uint8Array {
  const attributes: StunMessage['attributes'] =
    mapped == null ? [] : [{ type: 'XOR-MAPPED-ADDRESS', address: mapped.address, port: mapped.port }]
  return signed({ class: 'success', method: 'binding', transactionId, attributes }, keys.theirs)
}

function signed(message: StunMessage, key: Uint8Array): Uint8Array {
  return encodeStun(message, { integrity: { key, hash: 'sha256' }, fingerprint: true })
}

/** Reads a check of this link, or an answer to one. Undefined: somebody else's, reflected, forged, or no STUN at all. */
export function readCheck(bytes: Uint8Array, keys: CheckKeys): Check | undefined {
  const message = decoded(bytes)
  if (message?.method !== 'binding' || unknownRequired(message).length > 0) return undefined
  // verifyIntegrity would take SHA-1 where there is nothing better
  if (find(message, 'MESSAGE-INTEGRITY-SHA256') == null || find(message, 'FINGERPRINT') == null) return undefined
  const id = message.transactionId
  if (message.class === 'request') {
    if (find(message, 'USERNAME')?.value !== keys.link || !verifyIntegrity(bytes, keys.theirs)) return undefined
    return { type: 'request', id, nomination: nominationOf(message) }
  }
  if (message.class !== 'success' || !verifyIntegrity(bytes, keys.mine)) return undefined
  return { type: 'answer', id, mapped: find(message, 'XOR-MAPPED-ADDRESS') }
}

function nominationOf(message: StunMessage): number | undefined {
  if (find(message, 'USE-CANDIDATE') == null) return undefined
  for (const attribute of message.attributes) {
    if (attribute.type !== 'unknown' || attribute.code !== NOMINATION || attribute.value.length !== 4) continue
    return new DataView(attribute.value.buffer, attribute.value.byteOffset).getUint32(0)
  }
  return undefined
}

function decoded(bytes: Uint8Array): StunMessage | undefined {
  try {
    return decodeStun(bytes)
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}

/** The id of the check that a STUN message says to answer. Proves nothing yet. */
export function answeredId(bytes: Uint8Array): Uint8Array | undefined {
  const [first, second] = bytes
  return first === BINDING_SUCCESS >> 8 && second === (BINDING_SUCCESS & 0xff) ? bytes.subarray(8, 20) : undefined
}

/** Whom a STUN message may concern: the link that a check names, or the agent whose tag an answer carries. Proves nothing yet. */
export function checkTarget(bytes: Uint8Array): { readonly link: string } | { readonly tag: number } | undefined {
  if (bytes.length < 24 + LINK_DIGITS) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  switch (view.getUint16(0)) {
    case BINDING_SUCCESS:
      return { tag: view.getUint32(8) }
    case BINDING_REQUEST:
      if (view.getUint16(20) !== USERNAME || view.getUint16(22) !== LINK_DIGITS) return undefined
      return { link: Buffer.from(bytes.subarray(24, 24 + LINK_DIGITS)).toString('latin1') }
    default:
      return undefined
  }
}
