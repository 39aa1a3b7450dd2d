import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MAX_CANDIDATES, type PathCandidate, type PathMessage, pathMessageCodec } from '../../src/wire/path.ts'
import { bin, hex } from './bytes.ts'
import { fuzzCodec } from './fuzz.ts'
import { anyCandidates } from './networks.ts'

const v4: PathCandidate = { kind: 'host', transport: 'udp', address: '11.0.0.7', port: 4001 }
const v6: PathCandidate = { kind: 'mapped', transport: 'tcp', address: '2001:db8::7', port: 65_535 }
const observed: PathCandidate = { kind: 'observed', transport: 'udp', address: '11.0.0.8', port: 1 }

// docs/path-protocol.md, encoded by hand
const V4 = '0801 1001 1a04 0b000007 20a11f'
const V6 = '0803 1002 1a10 20010db8000000000000000000000007 20ffff03'
const OBSERVED = '0802 1001 1a04 0b000008 2001'

const messages: ReadonlyArray<readonly [string, PathMessage, string]> = [
  ['no candidates', { type: 'CANDIDATES', seq: 0, candidates: [] }, '0a02 0800'],
  ['one', { type: 'CANDIDATES', seq: 7, candidates: [v4] }, `0a11 0807 120d ${V4}`],
  ['IPv6', { type: 'CANDIDATES', seq: 7, candidates: [v6] }, `0a1e 0807 121a ${V6}`],
  ['two', { type: 'CANDIDATES', seq: 7, candidates: [v4, observed] }, `0a1f 0807 120d ${V4} 120c ${OBSERVED}`],
  [
    'the last list of all',
    { type: 'CANDIDATES', seq: Number.MAX_SAFE_INTEGER, candidates: [] },
    '0a09 08ffffffffffffff0f'
  ],
  ['a punch', { type: 'PUNCH_TCP', round: 1, candidates: [v6] }, `121e 0801 121a ${V6}`]
]
for (const [what, message, bytes] of messages) {
  test(`the bytes of candidates and punches: ${what}`, () => {
    assert.equal(hex(pathMessageCodec.encode(message)), bytes.replaceAll(' ', ''))
    assert.deepEqual(pathMessageCodec.decode(bin(bytes)), message)
  })
}

const known = { type: 'CANDIDATES', seq: 7, candidates: [v4] } as const
const grown: ReadonlyArray<readonly [string, string, PathMessage]> = [
  ['another message', '7a02 0807', { type: 'UNKNOWN' }],
  ['no message', '', { type: 'UNKNOWN' }],
  ['a field more', `0a15 0807 120d ${V4} 1a02 0101`, known],
  ['a message more', `0a11 0807 120d ${V4} 7a00`, known],
  ['a candidate with a field more', `0a13 0807 120f ${V4} 2801`, known],
  ['a candidate of another kind', `0a20 0807 120d ${V4.replace('0801', '0804')} 120d ${V4}`, known],
  ['a candidate of another transport', `0a20 0807 120d ${V4.replace('1001', '1003')} 120d ${V4}`, known],
  ['a candidate without an address, of another kind', `0a17 0807 1204 08041001 120d ${V4}`, known],
  ['a candidate of no kind', `0a15 0807 1202 1001 120d ${V4}`, known]
]
for (const [what, bytes, message] of grown) {
  test(`a later version may say more: ${what}`, () => assert.deepEqual(pathMessageCodec.decode(bin(bytes)), message))
}

test('more candidates than are read are cut, and those that nobody knows do not count', () => {
  const many = Array.from({ length: 100 }, (_, index) => ({ ...v4, port: index + 1 }))
  const first = { type: 'CANDIDATES', seq: 7, candidates: many.slice(0, MAX_CANDIDATES) } as const
  assert.deepEqual(pathMessageCodec.decode(pathMessageCodec.encode({ ...first, candidates: many })), first)
  const unknown = '1204 08041001'.repeat(40)
  const list = `0807 ${unknown} ${`120d ${V4}`.repeat(MAX_CANDIDATES + 1)}`
  const length = bin(list).length
  const bytes = Uint8Array.of(0x0a, (length & 0x7f) | 0x80, length >> 7, ...bin(list))
  assert.deepEqual(pathMessageCodec.decode(bytes), {
    type: 'CANDIDATES',
    seq: 7,
    candidates: Array.from({ length: MAX_CANDIDATES }, () => v4)
  })
})

const malformedMessages: ReadonlyArray<readonly [string, string]> = [
  ['two in one', '0a02 0800 1202 0800'],
  ['no number', '0a00'],
  ['a punch without a round', '1200'],
  ['a number that does not fit', '0a09 0880808080808080 10'],
  ['a number of 64 bits', '0a0b 08ffffffffffffffffff01'],
  ['a length past the end', '0a05 0807'],
  ['a varint without end', '0aff ffffffffffffffffffff'],
  ['a candidate without an address', '0a0a 0807 1206 0801100120a11f'],
  ['an address of 5 bytes', `0a12 0807 120e ${V4.replace('1a04 0b000007', '1a05 0b00000700')}`],
  ['port 0', `0a10 0807 120c ${V4.replace('20a11f', '2000')}`],
  ['no port', `0a0e 0807 120a ${V4.replace('20a11f', '')}`],
  ['a port of 17 bits', `0a12 0807 120e ${V4.replace('20a11f', '20808004')}`]
]
for (const [what, bytes] of malformedMessages) {
  test(`malformed: ${what}`, () =>
    assert.throws(() => pathMessageCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const unspeakable: ReadonlyArray<readonly [string, () => void]> = [
  ['an unknown message', () => pathMessageCodec.encode({ type: 'UNKNOWN' })],
  ['a name', () => pathMessageCodec.encode({ ...known, candidates: [{ ...v4, address: 'example.org' }] })],
  ['a zone', () => pathMessageCodec.encode({ ...known, candidates: [{ ...v6, address: 'fe80::1%eth0' }] })],
  ['port 0', () => pathMessageCodec.encode({ ...known, candidates: [{ ...v4, port: 0 }] })],
  ['half a number', () => pathMessageCodec.encode({ ...known, seq: 0.5 })],
  ['a number below 0', () => pathMessageCodec.encode({ type: 'PUNCH_TCP', round: -1, candidates: [] })]
]
for (const [what, encode] of unspeakable) {
  test(`is not written: ${what}`, () => assert.throws(encode, { name: 'NatError', code: 'MALFORMED' }))
}

const ordinary = { noNullPrototype: true }

test('what is encoded comes back', () => {
  const message = fc.oneof(
    fc.record({ type: fc.constant('CANDIDATES' as const), seq: fc.maxSafeNat(), candidates: anyCandidates }, ordinary),
    fc.record({ type: fc.constant('PUNCH_TCP' as const), round: fc.maxSafeNat(), candidates: anyCandidates }, ordinary)
  )
  fc.assert(
    fc.property(message, value => {
      assert.deepEqual(pathMessageCodec.decode(pathMessageCodec.encode(value)), value)
    })
  )
})

test('100,000 inputs to the codec of path messages: nothing but MALFORMED, and no millisecond', () => {
  const samples = [...messages.map(([, , text]) => text), ...grown.map(([, text]) => text)].map(bin)
  fuzzCodec({ decode: input => void pathMessageCodec.decode(input), samples, seed: 1 })
})
