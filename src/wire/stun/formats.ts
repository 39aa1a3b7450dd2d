import { readAddress, writeAddress } from './address.ts'
import type { AttributeValues, PasswordAlgorithm } from './message.ts'
import {
  atMost,
  blank,
  bytesOf,
  exactly,
  type Format,
  malformed,
  nothing,
  text,
  utf8,
  whole,
  word
} from './primitives.ts'
import type { AttributeName } from './registry.ts'

/** RFC 8489 section 14: REALM, NONCE, SOFTWARE and a reason have fewer than 128 characters, which can take this many bytes. */
const MAX_TEXT_BYTES = 763
/** RFC 8489 section 14.3: fewer than 509; RFC 5389 had fewer than 513. */
const MAX_USERNAME_BYTES = 512
/** RFC 8489 section 14.11: a domain name. */
const MAX_DOMAIN_BYTES = 255
/** Two are defined, and a request has no more attributes than this. */
const MAX_LISTED = 128
const FAMILY_CODES = { 4: 1, 6: 2 } as const

const plainAddress: Format<AttributeValues['MAPPED-ADDRESS']> = {
  read: bytes => readAddress(bytes),
  write: value => writeAddress(value)
}

const maskedAddress: Format<AttributeValues['XOR-MAPPED-ADDRESS']> = { read: readAddress, write: writeAddress }

const family: Format<{ readonly family: 4 | 6 }> = {
  read: bytes => ({ family: familyOf(exactly(bytes, 4).getUint8(0)) }),
  write: value => Uint8Array.of(FAMILY_CODES[value.family], 0, 0, 0)
}

const tieBreaker: Format<{ readonly tieBreaker: bigint }> = {
  read: bytes => ({ tieBreaker: exactly(bytes, 8).getBigUint64(0) }),
  write(value) {
    const { bytes, view } = blank(8)
    view.setBigUint64(0, value.tieBreaker)
    return bytes
  }
}

const errorCode: Format<AttributeValues['ERROR-CODE']> = {
  read(bytes) {
    if (bytes.length < 4) throw malformed('an error code without a code')
    atMost(bytes, 4 + MAX_TEXT_BYTES)
    const hundreds = bytes[2]! & 0x07
    const rest = bytes[3]!
    if (hundreds < 3 || hundreds > 6 || rest > 99) throw malformed(`error code ${hundreds}:${rest}`)
    return { code: hundreds * 100 + rest, reason: utf8(bytes.subarray(4)) }
  },
  write({ code, reason }) {
    if (!Number.isInteger(code) || code < 300 || code > 699) throw malformed(`error code ${code}`)
    const bytes = Buffer.concat([Uint8Array.of(0, 0, Math.floor(code / 100), code % 100), Buffer.from(reason)])
    atMost(bytes, 4 + MAX_TEXT_BYTES)
    return bytes
  }
}

/** RFC 8656 section 18.12: the family stands where ERROR-CODE has reserved bits. */
const addressErrorCode: Format<AttributeValues['ADDRESS-ERROR-CODE']> = {
  read: (bytes, transactionId) => ({ ...errorCode.read(bytes, transactionId), family: familyOf(bytes[0]!) }),
  write(value, transactionId) {
    const bytes = errorCode.write(value, transactionId)
    bytes[0] = FAMILY_CODES[value.family]
    return bytes
  }
}

const unknownAttributes: Format<AttributeValues['UNKNOWN-ATTRIBUTES']> = {
  read(bytes) {
    atMost(bytes, 2 * MAX_LISTED)
    if (bytes.length % 2 !== 0) throw malformed('half an attribute type')
    return { codes: Array.from({ length: bytes.length / 2 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!) }
  },
  write({ codes }) {
    const { bytes, view } = blank(2 * codes.length)
    atMost(bytes, 2 * MAX_LISTED)
    codes.forEach((code, i) => {
      view.setUint16(2 * i, whole(code, 0xffff))
    })
    return bytes
  }
}

/** RFC 5780 section 7.2. */
const changeRequest: Format<AttributeValues['CHANGE-REQUEST']> = {
  read(bytes) {
    const flags = exactly(bytes, 4).getUint32(0)
    return { changeIp: (flags & 4) !== 0, changePort: (flags & 2) !== 0 }
  },
  write: ({ changeIp, changePort }) => Uint8Array.of(0, 0, 0, (changeIp ? 4 : 0) | (changePort ? 2 : 0))
}

const evenPort: Format<AttributeValues['EVEN-PORT']> = {
  read: bytes => ({ reserve: (exactly(bytes, 1).getUint8(0) & 0x80) !== 0 }),
  write: ({ reserve }) => Uint8Array.of(reserve ? 0x80 : 0)
}

const requestedTransport: Format<AttributeValues['REQUESTED-TRANSPORT']> = {
  read: bytes => ({ protocol: exactly(bytes, 4).getUint8(0) }),
  write: ({ protocol }) => Uint8Array.of(whole(protocol, 0xff), 0, 0, 0)
}

/** RFC 8656 section 18.13: type and code have 7 and 9 bits there. */
const icmp: Format<AttributeValues['ICMP']> = {
  read(bytes) {
    const view = exactly(bytes, 8)
    const both = view.getUint16(2)
    return { icmpType: both >> 9, icmpCode: both & 0x1ff, data: view.getUint32(4) }
  },
  write({ icmpType, icmpCode, data }) {
    const { bytes, view } = blank(8)
    view.setUint16(2, (whole(icmpType, 0x7f) << 9) | whole(icmpCode, 0x1ff))
    view.setUint32(4, whole(data, 0xffff_ffff))
    return bytes
  }
}

const passwordAlgorithms: Format<AttributeValues['PASSWORD-ALGORITHMS']> = {
  read(bytes) {
    const algorithms: PasswordAlgorithm[] = []
    for (let at = 0; at < bytes.length; ) {
      const rest = bytes.subarray(at)
      if (rest.length < 4 || algorithms.length === MAX_LISTED) throw malformed('a list of password algorithms')
      const length = (rest[2]! << 8) | rest[3]!
      if (4 + length > rest.length) throw malformed('parameters beyond the end of a password algorithm')
      algorithms.push({ code: (rest[0]! << 8) | rest[1]!, parameters: new Uint8Array(rest.subarray(4, 4 + length)) })
      // the last one's padding may be the attribute's
      at += 4 + length + (-length & 3)
    }
    return { algorithms }
  },
  write({ algorithms }) {
    if (algorithms.length > MAX_LISTED) throw malformed('a list of password algorithms')
    return Buffer.concat(
      algorithms.flatMap(({ code, parameters }) => {
        const { bytes, view } = blank(4)
        view.setUint16(0, whole(code, 0xffff))
        view.setUint16(2, whole(parameters.length, 0xffff))
        return [bytes, parameters, new Uint8Array(-parameters.length & 3)]
      })
    )
  }
}

const passwordAlgorithm: Format<PasswordAlgorithm> = {
  read(bytes, transactionId) {
    const [first, ...others] = passwordAlgorithms.read(bytes, transactionId).algorithms
    if (first == null || others.length > 0) throw malformed('one password algorithm is needed')
    return first
  },
  write: (value, transactionId) => passwordAlgorithms.write({ algorithms: [value] }, transactionId)
}

export const FORMATS: { readonly [Name in AttributeName]: Format<AttributeValues[Name]> } = {
  'MAPPED-ADDRESS': plainAddress,
  'XOR-MAPPED-ADDRESS': maskedAddress,
  'XOR-PEER-ADDRESS': maskedAddress,
  'XOR-RELAYED-ADDRESS': maskedAddress,
  'ALTERNATE-SERVER': plainAddress,
  'RESPONSE-ORIGIN': plainAddress,
  'OTHER-ADDRESS': plainAddress,
  USERNAME: text(MAX_USERNAME_BYTES, 'exact'),
  REALM: text(MAX_TEXT_BYTES, 'exact'),
  NONCE: text(MAX_TEXT_BYTES, 'exact'),
  SOFTWARE: text(MAX_TEXT_BYTES, 'any'),
  'ALTERNATE-DOMAIN': text(MAX_DOMAIN_BYTES, 'exact'),
  'ERROR-CODE': errorCode,
  'ADDRESS-ERROR-CODE': addressErrorCode,
  'UNKNOWN-ATTRIBUTES': unknownAttributes,
  'CHANGE-REQUEST': changeRequest,
  'RESPONSE-PORT': word('port', 16),
  PADDING: bytesOf('bytes', 0, 0xffff),
  'CACHE-TIMEOUT': word('seconds', 32),
  'CHANNEL-NUMBER': word('channel', 16),
  LIFETIME: word('seconds', 32),
  DATA: bytesOf('bytes', 0, 0xffff),
  'REQUESTED-ADDRESS-FAMILY': family,
  'ADDITIONAL-ADDRESS-FAMILY': family,
  'EVEN-PORT': evenPort,
  'REQUESTED-TRANSPORT': requestedTransport,
  'DONT-FRAGMENT': nothing,
  'RESERVATION-TOKEN': bytesOf('token', 8, 8),
  ICMP: icmp,
  PRIORITY: word('priority', 32),
  'USE-CANDIDATE': nothing,
  'ICE-CONTROLLED': tieBreaker,
  'ICE-CONTROLLING': tieBreaker,
  'PASSWORD-ALGORITHM': passwordAlgorithm,
  'PASSWORD-ALGORITHMS': passwordAlgorithms,
  USERHASH: bytesOf('hash', 32, 32),
  'MESSAGE-INTEGRITY': bytesOf('hmac', 20, 20),
  // section 14.6: may be cut where a usage of STUN says so, and none of ours does
  'MESSAGE-INTEGRITY-SHA256': bytesOf('hmac', 32, 32),
  FINGERPRINT: word('crc', 32)
}

function familyOf(code: number): 4 | 6 {
  if (code !== FAMILY_CODES[4] && code !== FAMILY_CODES[6]) throw malformed(`address family ${code}`)
  return code === FAMILY_CODES[4] ? 4 : 6
}
