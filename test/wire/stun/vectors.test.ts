import assert from 'node:assert/strict'
import test from 'node:test'
import {
  decodeStun,
  encodeStun,
  type Integrity,
  longTermKey,
  type StunAttribute,
  userhash,
  verifyIntegrity,
  withFingerprint,
  withIntegrity
} from '../../../src/wire/stun/index.ts'
import {
  IPV4_RESPONSE,
  IPV6_RESPONSE,
  LONG_TERM_REQUEST,
  PASSWORD,
  REQUEST,
  SHA256_REQUEST,
  SHORT_TERM_PASSWORD,
  USERNAME
} from './vectors.ts'

const shortTerm: Integrity = { key: Buffer.from(SHORT_TERM_PASSWORD), hash: 'sha1' }
const SPACE = 0x20

interface Vector {
  readonly bytes: Uint8Array
  readonly class: 'request' | 'success'
  readonly attributes: readonly StunAttribute[]
  readonly integrity: Integrity
  readonly fingerprint: boolean
  /** Where padding is a space instead of a zero. */
  readonly spaces: readonly number[]
}

const vectors: Readonly<Record<string, Vector>> = {
  'RFC 5769 2.1, a request': {
    bytes: REQUEST,
    class: 'request',
    attributes: [
      { type: 'SOFTWARE', value: 'STUN test client' },
      { type: 'PRIORITY', priority: 0x6e0001ff },
      { type: 'ICE-CONTROLLED', tieBreaker: 0x932ff9b151263b36n },
      { type: 'USERNAME', value: 'evtj:h6vY' }
    ],
    integrity: shortTerm,
    fingerprint: true,
    spaces: [73, 74, 75]
  },
  'RFC 5769 2.2, a response with IPv4': {
    bytes: IPV4_RESPONSE,
    class: 'success',
    attributes: [
      { type: 'SOFTWARE', value: 'test vector' },
      { type: 'XOR-MAPPED-ADDRESS', address: '192.0.2.1', port: 32853 }
    ],
    integrity: shortTerm,
    fingerprint: true,
    spaces: [35]
  },
  'RFC 5769 2.3, a response with IPv6': {
    bytes: IPV6_RESPONSE,
    class: 'success',
    attributes: [
      { type: 'SOFTWARE', value: 'test vector' },
      { type: 'XOR-MAPPED-ADDRESS', address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 }
    ],
    integrity: shortTerm,
    fingerprint: true,
    spaces: [35]
  },
  'RFC 5769 2.4, a long-term credential': {
    bytes: LONG_TERM_REQUEST,
    class: 'request',
    attributes: [
      { type: 'USERNAME', value: USERNAME },
      { type: 'NONCE', value: 'f//499k954d6OL34oL9FSTvy64sA' },
      { type: 'REALM', value: 'example.org' }
    ],
    integrity: { key: longTermKey(USERNAME, 'example.org', PASSWORD), hash: 'sha1' },
    fingerprint: false,
    spaces: []
  },
  'RFC 8489 B.1, SHA-256 and USERHASH': {
    bytes: SHA256_REQUEST,
    class: 'request',
    attributes: [
      { type: 'USERHASH', hash: userhash(USERNAME, 'example.org') },
      { type: 'NONCE', value: 'obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA' },
      { type: 'REALM', value: 'example.org' },
      { type: 'PASSWORD-ALGORITHM', code: 2, parameters: new Uint8Array(0) }
    ],
    integrity: { key: longTermKey(USERNAME, 'example.org', PASSWORD, 'sha256'), hash: 'sha256' },
    fingerprint: false,
    spaces: []
  }
}

const COMPUTED: readonly string[] = ['MESSAGE-INTEGRITY', 'MESSAGE-INTEGRITY-SHA256', 'FINGERPRINT']

for (const [what, vector] of Object.entries(vectors)) {
  const { bytes, integrity } = vector

  test(`${what}: what it says`, () => {
    const message = decodeStun(bytes)
    assert.deepEqual([message.class, message.method], [vector.class, 'binding'])
    assert.deepEqual(Buffer.from(message.transactionId), Buffer.from(bytes.subarray(8, 20)))
    assert.deepEqual(
      message.attributes.filter(({ type }) => !COMPUTED.includes(type)),
      vector.attributes
    )
    assert.equal(verifyIntegrity(bytes, integrity.key), true)
    assert.equal(verifyIntegrity(bytes, Buffer.from('another')), false)
  })

  test(`${what}: byte for byte`, () => {
    const { class: kind, method, transactionId, attributes } = decodeStun(bytes)
    const plain = encodeStun({ class: kind, method, transactionId, attributes })
    for (const at of vector.spaces) plain[at] = SPACE
    const signed = withIntegrity(plain, integrity)
    assert.deepEqual(vector.fingerprint ? withFingerprint(signed) : signed, bytes)
  })

  test(`${what}: a changed byte is noticed`, () => {
    for (let at = 8; at < bytes.length - (vector.fingerprint ? 8 : 0); at++) {
      const changed = Uint8Array.from(bytes)
      changed[at]! ^= 1
      assert.equal(verifyIntegrity(changed, integrity.key), false, `byte ${at}`)
    }
  })
}
