import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { protobufCodec } from '../../src/wire/protobuf.ts'
import { MAX_RECORD_ADDRESSES, type PeerRecord, RECORD_LIFETIME, recordCodec } from '../../src/wire/record.ts'
import { bin, filled, hex, plain } from './bytes.ts'
import { fuzzCodec } from './fuzz.ts'
import { anySummary, HOME, HOME_BYTES, SHUT_NETWORK } from './networks.ts'

const bare: PeerRecord = {
  peer: bin('0001 07'),
  seq: 300,
  issuedAtSeconds: 400,
  lifetimeSeconds: 60,
  addresses: [],
  left: false
}

// docs/rendezvous.md, encoded by hand
const BARE = '0a03 000107 10ac02 189003 203c'
const vectors: ReadonlyArray<readonly [string, PeerRecord, string]> = [
  ['that says nothing', bare, BARE],
  ['numbers at their lowest', { ...bare, seq: 0, issuedAtSeconds: 0 }, '0a03 000107 1000 1800 203c'],
  [
    'numbers at their highest',
    { ...bare, seq: Number.MAX_SAFE_INTEGER, issuedAtSeconds: Number.MAX_SAFE_INTEGER, lifetimeSeconds: 86_400 },
    '0a03 000107 10ffffffffffffff0f 18ffffffffffffff0f 2080a305'
  ],
  ['two addresses', { ...bare, addresses: [bin('01'), bin('0203')] }, `${BARE} 2a01 01 2a02 0203`],
  ['a summary', { ...bare, summary: HOME }, `${BARE} 324a ${HOME_BYTES}`],
  ['a summary of no network', { ...bare, summary: SHUT_NETWORK }, `${BARE} 3200`],
  ['of a peer that has left', { ...bare, left: true }, `${BARE} 3801`]
]
for (const [what, record, bytes] of vectors) {
  test(`the bytes of a record: ${what}`, () => {
    assert.equal(hex(recordCodec.encode(record)), bytes.replaceAll(' ', ''))
    assert.deepEqual(plain(recordCodec.decode(bin(bytes))), record)
  })
}

const grown: ReadonlyArray<readonly [string, string, PeerRecord]> = [
  ['a field more', `${BARE} 7801`, bare],
  ['that it has not left, said', `${BARE} 3800`, bare],
  ['a summary of other bounds', `${BARE} 3202 4011`, bare],
  ['a summary that is none', `${BARE} 3203 ffffff`, bare]
]
for (const [what, bytes, record] of grown) {
  test(`a later version may say: ${what}`, () => assert.deepEqual(plain(recordCodec.decode(bin(bytes))), record))
}

const peer = (length: number) => `0a${length.toString(16).padStart(2, '0')} ${hex(filled(length))} 1000 1800 203c`
const many = (count: number) => `${BARE} ${'2a01 01'.repeat(count)}`
const long = (bytes: number) =>
  `${BARE} 2a${hex(Uint8Array.of((bytes & 0x7f) | 0x80, bytes >> 7))} ${hex(filled(bytes, 7))}`

for (const [what, bytes] of [
  ['a peer of 64 bytes', peer(64)],
  ['32 addresses', many(MAX_RECORD_ADDRESSES)],
  ['an address of 256 bytes', long(256)],
  ['the longest lifetime', '0a03 000107 1000 1800 2080a305']
] as const) {
  test(`just within the bounds: ${what}`, () => assert.doesNotThrow(() => recordCodec.decode(bin(bytes))))
}

const malformed: ReadonlyArray<readonly [string, string]> = [
  ['nothing', ''],
  ['no peer', '10ac02 189003 203c'],
  ['an empty peer', '0a00 10ac02 189003 203c'],
  ['a peer of 65 bytes', peer(65)],
  ['no number', '0a03 000107 189003 203c'],
  ['a number beyond 53 bits', '0a03 000107 1080808080808080 10 189003 203c'],
  ['a number of all bits', '0a03 000107 10ffffffffffffffffff01 189003 203c'],
  ['no time', '0a03 000107 10ac02 203c'],
  ['a time beyond 53 bits', '0a03 000107 10ac02 1880808080808080 10 203c'],
  ['no lifetime', '0a03 000107 10ac02 189003'],
  ['a lifetime of 59 s', '0a03 000107 10ac02 189003 203b'],
  ['a lifetime of a day and a second', '0a03 000107 10ac02 189003 2081a305'],
  ['33 addresses', many(MAX_RECORD_ADDRESSES + 1)],
  ['an empty address', `${BARE} 2a00`],
  ['an address of 257 bytes', long(257)],
  ['addresses of a peer that has left', `${BARE} 2a01 01 3801`],
  ['a text where a number is', '0a03 000107 1202 3030 189003 203c'],
  ['bytes that end too soon', '0a03 0001'],
  ['a group that nobody closes', `${BARE} 7b`]
]
for (const [what, bytes] of malformed) {
  test(`malformed record: ${what}`, () =>
    assert.throws(() => recordCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const unspeakable: ReadonlyArray<readonly [string, Partial<PeerRecord>]> = [
  ['no peer', { peer: new Uint8Array(0) }],
  ['half a number', { seq: 0.5 }],
  ['a number below 0', { seq: -1 }],
  ['a number beyond 53 bits', { seq: 2 ** 53 }],
  ['a time before 1970', { issuedAtSeconds: -1 }],
  ['a lifetime that is too short', { lifetimeSeconds: RECORD_LIFETIME.min - 1 }],
  ['a lifetime that is too long', { lifetimeSeconds: RECORD_LIFETIME.max + 1 }],
  ['too many addresses', { addresses: Array(MAX_RECORD_ADDRESSES + 1).fill(filled(1)) }],
  ['an empty address', { addresses: [new Uint8Array(0)] }],
  ['where it is, having left', { addresses: [filled(1)], left: true }],
  ['17 uplinks', { summary: { ...HOME, uplinks: 17 } }]
]
for (const [what, wrong] of unspeakable) {
  test(`is not written: ${what}`, () =>
    assert.throws(() => recordCodec.encode({ ...bare, ...wrong }), { name: 'NatError', code: 'MALFORMED' }))
}

test('a reader that knows nothing of summaries and goodbyes reads the rest', () => {
  const before = protobufCodec<{ readonly peer: Uint8Array; readonly seq: number }>(
    {
      nested: {
        PeerRecord: { edition: 'proto2', fields: { peer: { type: 'bytes', id: 1 }, seq: { type: 'uint64', id: 2 } } }
      }
    },
    'PeerRecord'
  )
  const { peer, seq } = bare
  assert.deepEqual(plain(before.decode(recordCodec.encode({ ...bare, summary: HOME }))), { peer, seq })
})

test('what is encoded comes back', () => {
  const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength })
  const number = fc.maxSafeNat()
  fc.assert(
    fc.property(
      fc.record({
        peer: bytes(64),
        seq: number,
        issuedAtSeconds: number,
        lifetimeSeconds: fc.integer({ min: RECORD_LIFETIME.min, max: RECORD_LIFETIME.max }),
        addresses: fc.array(bytes(256), { maxLength: MAX_RECORD_ADDRESSES })
      }),
      fc.option(anySummary),
      (said, summary) => {
        const record = { ...said, left: false, ...(summary == null ? {} : { summary }) }
        const { addresses, ...rest } = recordCodec.decode(recordCodec.encode(record))
        assert.deepEqual(addresses.map(hex), said.addresses.map(hex))
        assert.deepEqual(plain({ ...rest, addresses: said.addresses }), record)
      }
    )
  )
})

test('100,000 inputs to the codec of records: nothing but MALFORMED, and no millisecond', () => {
  fuzzCodec({
    decode: input => void recordCodec.decode(input),
    samples: vectors.map(([, , text]) => bin(text)),
    seed: 1
  })
})
