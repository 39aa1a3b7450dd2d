import assert from 'node:assert/strict'
import test from 'node:test'
import { NatError } from '../../../src/core/errors.ts'
import { decodeStun, encodeStun, verifyIntegrity, withFingerprint } from '../../../src/wire/stun/index.ts'
import { fuzzCodec } from '../fuzz.ts'
import { SAMPLE_ATTRIBUTES, sampleMessage } from './samples.ts'
import * as vectors from './vectors.ts'

const key = Buffer.from('key')
const samples = [
  ...SAMPLE_ATTRIBUTES.map(attribute => encodeStun(sampleMessage(attribute))),
  encodeStun(sampleMessage(...SAMPLE_ATTRIBUTES), { integrity: { key, hash: 'sha256' }, fingerprint: true }),
  ...Object.values(vectors).filter(each => each instanceof Uint8Array)
]

/** Gives the bytes a header that fits them: else few random ones would get further. */
function framed(bytes: Uint8Array): Uint8Array {
  const whole = bytes.subarray(0, 20 + ((bytes.length - 20) & ~3))
  if (bytes.length < 20) return bytes
  const result = Uint8Array.from(whole)
  result[0]! &= 0x3f
  const view = new DataView(result.buffer)
  view.setUint16(2, result.length - 20)
  view.setUint32(4, 0x2112a442)
  return result
}

test('100,000 inputs: nothing but MALFORMED, and no millisecond', () =>
  fuzzCodec({ decode: decodeStun, samples, seed: 1 }))

test('100,000 inputs with a header that fits', () => {
  fuzzCodec({ decode: bytes => decodeStun(framed(bytes)), samples, seed: 2 })
})

test('verifying throws nothing, whatever the bytes', () => {
  fuzzCodec({ decode: bytes => verifyIntegrity(bytes, key), samples, seed: 3, runs: 10_000 })
})

test('what is decoded can be encoded, and is decoded to the same', () => {
  const decode = (bytes: Uint8Array) => {
    const message = decodeStun(framed(bytes))
    const attributes = message.attributes.filter(({ type }) => !/INTEGRITY|FINGERPRINT/.test(type))
    try {
      assert.deepEqual(decodeStun(encodeStun({ ...message, attributes })), { ...message, attributes })
    } catch (cause) {
      throw new Error('decoded, and then?', { cause })
    }
  }
  fuzzCodec({ decode, samples, seed: 4, runs: 5_000 })
})

test('the largest messages take no millisecond either', () => {
  const most = 65_532
  const body = (attribute: string) => `0001${most.toString(16)}2112a442${'00'.repeat(12)}${attribute}`
  const large = [
    body(`0013${(most - 4).toString(16)}${'ff'.repeat(most - 4)}`),
    body(`8002${(most - 4).toString(16)}${'00010000'.repeat(most / 4 - 1)}`),
    body(`000a${(most - 4).toString(16)}${'0001'.repeat(most / 2 - 2)}`),
    body('80220000'.repeat(most / 4)),
    body('7f000000'.repeat(most / 4))
  ].map(hex => new Uint8Array(Buffer.from(hex, 'hex')))
  const decode = (bytes: Uint8Array) => decodeStun(bytes)
  const signed = withFingerprint(encodeStun(sampleMessage({ type: 'DATA', bytes: new Uint8Array(65_000) })))
  fuzzCodec({ decode, samples: [signed], seed: 5, runs: 500, maxBytes: most })
  const refused = (bytes: Uint8Array) => assert.throws(() => decodeStun(bytes), NatError)
  assert.equal(decodeStun(large[0]!).attributes.length, 1)
  for (const bytes of large.slice(1)) fuzzCodec({ decode: () => refused(bytes), samples: [bytes], seed: 6, runs: 20 })
})
