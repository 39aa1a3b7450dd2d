import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { isStun, longHeader, looksLikeStun, shortHeaderId } from '../../src/socket/demux.ts'
import { handshake, initial, short, stun } from './packets.ts'

const change = (bytes: Buffer, at: number, value: number) => {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}

/** RFC 5769 section 2.1: the sample request, which has a FINGERPRINT behind its MESSAGE-INTEGRITY. */
const RFC5769_REQUEST = Buffer.from(
  '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1' +
    '51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf',
  'hex'
)

for (const [what, bytes, expected] of [
  ['the sample request of RFC 5769', RFC5769_REQUEST, true],
  ['a binding request', stun(), true],
  ['one with the first bit set', change(stun(), 0, 0x80), false],
  ['one with the second bit set', change(stun(), 0, 0x40), false],
  ['one with another cookie', change(stun(), 4, 0x22), false],
  ['one whose length is too small', change(stun(), 3, 4), false],
  ['one whose length is no multiple of four', change(stun(), 3, 9), false],
  ['one with another last attribute', change(stun(), 20, 0x81), false],
  ['one with a wrong fingerprint', change(stun(), 27, stun()[27]! ^ 1), false],
  ['one that was changed on the way', change(RFC5769_REQUEST, 24, 0), false],
  ['one that was cut', RFC5769_REQUEST.subarray(0, -4), false],
  ['one with something behind it', Buffer.concat([stun(), Buffer.alloc(4)]), false],
  ['a header without attributes', stun().subarray(0, 20), false],
  ['a QUIC packet whose QUIC bit is clear', short('c0c0c0c0c0c0c0c0', { greased: true }), false],
  ['a QUIC packet with the cookie where STUN has it', short('0000002112a44200', { greased: true }), false],
  ['nothing', Buffer.alloc(0), false]
] as const) {
  test(`is it STUN: ${what}: ${expected}`, () => assert.equal(isStun(bytes), expected))
}

const plain = (attributes: string, length = attributes.length / 2) => {
  const header = Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex')
  header.writeUInt16BE(length, 2)
  return Buffer.concat([header, Buffer.from(attributes, 'hex')])
}

for (const [what, bytes, expected] of [
  ['a header without attributes', plain(''), true],
  ['one attribute', plain('0003000400000006'), true],
  ['a padded attribute', plain('8022000161000000'), true],
  ['one with a fingerprint', stun(), true],
  ['one with a wrong fingerprint', change(stun(), 27, stun()[27]! ^ 1), true],
  ['an attribute beyond the end', plain('0003000800000006'), false],
  ['an attribute of 65,535 bytes', plain('8022ffff00000000'), false],
  ['a length that does not fit', plain('0003000400000006', 4), false],
  ['a length that is no multiple of four', plain('00030002', 2), false],
  ['the first bit set', change(plain(''), 0, 0x80), false],
  ['the second bit set', change(plain(''), 0, 0x40), false],
  ['another cookie', change(plain(''), 7, 0x43), false],
  ['a QUIC packet with the cookie where STUN has it', short('0000002112a44200', { greased: true }), false],
  ['19 bytes', plain('').subarray(0, 19), false],
  ['nothing', Buffer.alloc(0), false]
] as const) {
  test(`does it look like STUN: ${what}: ${expected}`, () => assert.equal(looksLikeStun(bytes), expected))
}

test('a long header tells version and both ids', () => {
  const header = longHeader(initial({ to: '0102030405060708', from: 'a1a2a3' }))
  assert.deepEqual(header, {
    version: 1,
    destinationId: '0102030405060708',
    sourceId: 'a1a2a3',
    opensConnection: true
  })
})

for (const [what, bytes, opens] of [
  ['an Initial', initial(), true],
  ['an Initial that a client has not padded', initial({ bytes: 1199 }), false],
  ['an Initial to an id shorter than a client may make up', initial({ to: '01020304050607' }), false],
  ['an Initial of another version', initial({ version: 0x6b3343cf }), false],
  ['a version negotiation', initial({ version: 0 }), false],
  ['a Handshake packet', handshake({ bytes: 1200 }), false]
] as const) {
  test(`does it open a connection: ${what}: ${opens}`, () => assert.equal(longHeader(bytes)?.opensConnection, opens))
}

for (const [what, bytes] of [
  ['a short header', short('c0c0c0c0c0c0c0c0')],
  ['a destination id of 21 bytes', change(initial(), 5, 21)],
  ['a destination id beyond the end', initial({ bytes: 0 }).subarray(0, 10)],
  ['a source id of 21 bytes', change(initial(), 14, 21)],
  ['a source id beyond the end', initial({ bytes: 0 }).subarray(0, -1)],
  ['six bytes', initial().subarray(0, 6)],
  ['nothing', Buffer.alloc(0)]
] as const) {
  test(`no long header: ${what}`, () => assert.equal(longHeader(bytes), undefined))
}

test('the id of a short header is as long as the receiver says', () => {
  assert.equal(shortHeaderId(short('0102030405060708'), 8), '0102030405060708')
  assert.equal(shortHeaderId(short('0102030405060708', { bytes: 9 }), 8), '0102030405060708')
  assert.equal(shortHeaderId(Buffer.alloc(8), 8), undefined)
})

test('a header is read out of the middle of a larger buffer', () => {
  const padded = Buffer.concat([Buffer.alloc(13), initial({ to: '0102030405060708' }), Buffer.alloc(5)])
  assert.equal(longHeader(padded.subarray(13, -5))?.destinationId, '0102030405060708')
  assert.equal(isStun(Buffer.concat([Buffer.alloc(3), stun()]).subarray(3)), true)
})

test('no bytes make the demux throw', () => {
  const anything = fc.uint8Array({ maxLength: 64 })
  const almost = fc
    .tuple(
      fc.constantFrom(initial({ bytes: 60 }), handshake({ bytes: 60 }), stun(), RFC5769_REQUEST),
      fc.nat(),
      fc.nat(255),
      fc.nat()
    )
    .map(([bytes, at, value, cut]) => change(bytes, at % bytes.length, value).subarray(0, cut % (bytes.length + 1)))
  fc.assert(
    fc.property(fc.oneof(anything, almost), bytes => {
      isStun(bytes)
      shortHeaderId(bytes, 8)
      const header = longHeader(bytes)
      if (header == null) return
      assert.ok(header.destinationId.length <= 40 && header.sourceId.length <= 40)
      assert.ok(header.destinationId.length / 2 + header.sourceId.length / 2 + 7 <= bytes.length)
    }),
    { numRuns: 2_000 }
  )
})
