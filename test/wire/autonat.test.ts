import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { NatError } from '../../src/core/errors.ts'
import {
  autonatCodec,
  DIAL_DATA,
  dialBackCodec,
  dialBackResponseCodec,
  MAX_AUTONAT_BYTES
} from '../../src/wire/autonat.ts'
import { fuzzCodec } from './fuzz.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const nonce = 0xfedc_ba98_7654_3210n

// by the message definitions of autonat-v2.md, encoded by hand
const rows: ReadonlyArray<readonly [string, string, string]> = [
  [
    'a request, with a nonce of 64 bits',
    hex(autonatCodec.encode({ dialRequest: { addrs: [Uint8Array.of(1, 2)], nonce } })),
    '0a0d0a020102111032547698badcfe'
  ],
  [
    'a response',
    hex(autonatCodec.encode({ dialResponse: { status: 'OK', addrIdx: 1, dialStatus: 'E_DIAL_ERROR' } })),
    '120708c80110011864'
  ],
  ['a refusal', hex(autonatCodec.encode({ dialResponse: { status: 'E_DIAL_REFUSED' } })), '12020865'],
  [
    'a request for data',
    hex(autonatCodec.encode({ dialDataRequest: { addrIdx: 2, numBytes: 30_000n } })),
    '1a06080210b0ea01'
  ],
  ['data', hex(autonatCodec.encode({ dialDataResponse: { data: Uint8Array.of(9) } })), '22030a0109'],
  ['a dial-back', hex(dialBackCodec.encode({ nonce })), '091032547698badcfe'],
  ['the answer to it', hex(dialBackResponseCodec.encode({ status: 'OK' })), '0800']
]
for (const [what, encoded, expected] of rows) {
  test(`the bytes of ${what}`, () => assert.equal(encoded, expected))
}

test('what proto3 leaves out is absent: statuses and numbers that are 0', () => {
  assert.deepEqual(autonatCodec.decode(Buffer.from('1200', 'hex')), { dialResponse: {} })
  assert.deepEqual(dialBackResponseCodec.decode(new Uint8Array(0)), {})
})

test('a status that nobody has defined is no status', () => {
  assert.deepEqual(autonatCodec.decode(Buffer.from('1202087b', 'hex')), { dialResponse: {} })
})

test('every nonce comes back as it went', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
      assert.equal(dialBackCodec.decode(dialBackCodec.encode({ nonce: value })).nonce, value)
      const { dialRequest } = autonatCodec.decode(autonatCodec.encode({ dialRequest: { addrs: [], nonce: value } }))
      assert.equal(dialRequest?.nonce, value)
    })
  )
})

test('the largest piece of data fits into a message', () => {
  const data = new Uint8Array(DIAL_DATA.pieceBytes)
  assert.ok(autonatCodec.encode({ dialDataResponse: { data } }).length <= MAX_AUTONAT_BYTES)
})

test('no bytes make a codec throw anything but MALFORMED', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: MAX_AUTONAT_BYTES }), bytes => {
      for (const codec of [autonatCodec, dialBackCodec, dialBackResponseCodec]) {
        try {
          codec.decode(bytes)
        } catch (error) {
          assert.ok(error instanceof NatError && error.code === 'MALFORMED', String(error))
        }
      }
    })
  )
})

for (const [what, codec, samples] of [
  ['messages', autonatCodec, rows.slice(0, 5)],
  ['dial-backs', dialBackCodec, rows.slice(5, 6)],
  ['answers to dial-backs', dialBackResponseCodec, rows.slice(6)]
] as const) {
  test(`100,000 inputs to the codec of ${what}: nothing but MALFORMED, and no millisecond`, () => {
    const decode = (bytes: Uint8Array) => void codec.decode(bytes)
    fuzzCodec({ decode, samples: samples.map(([, bytes]) => Buffer.from(bytes, 'hex')), seed: 1 })
  })
}
