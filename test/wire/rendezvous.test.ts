import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MAX_RECORD_BYTES } from '../../src/wire/record.ts'
import {
  MAX_DETAIL,
  MAX_RENDEZVOUS_BYTES,
  type RendezvousEvent,
  type RendezvousRequest,
  type RendezvousStatus,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../src/wire/rendezvous.ts'
import { bin, filled, hex, plain } from './bytes.ts'
import { fuzzCodec } from './fuzz.ts'

const peer = bin('000107')
const envelope = bin('010203')
const request = 300

// docs/rendezvous.md, encoded by hand
const requests: ReadonlyArray<readonly [RendezvousRequest, string]> = [
  [{ type: 'REGISTER', request, envelope }, '0801 10ac02 2203 010203'],
  [{ type: 'QUERY', request, peer }, '0802 10ac02 1a03 000107'],
  [{ type: 'WATCH', request: 0, peer }, '0803 1000 1a03 000107'],
  [{ type: 'UNWATCH', request: 0xffff_ffff, peer }, '0804 10ffffffff0f 1a03 000107'],
  [{ type: 'CALL', request, peer, envelope }, '0805 10ac02 1a03 000107 2203 010203']
]
const events: ReadonlyArray<readonly [RendezvousEvent, string]> = [
  [{ type: 'ANSWER', request, status: 'OK' }, '0801 10ac02 1801'],
  [{ type: 'ANSWER', request, status: 'NOT_FOUND' }, '0801 10ac02 1802'],
  [{ type: 'ANSWER', request, status: 'STALE', envelope }, '0801 10ac02 1803 2a03 010203'],
  [{ type: 'ANSWER', request, status: 'BAD_RECORD', detail: 'no' }, '0801 10ac02 1804 3202 6e6f'],
  [{ type: 'ANSWER', request, status: 'BAD_CLOCK' }, '0801 10ac02 1805'],
  [{ type: 'ANSWER', request, status: 'FORBIDDEN' }, '0801 10ac02 1806'],
  [{ type: 'ANSWER', request, status: 'LIMIT' }, '0801 10ac02 1807'],
  [{ type: 'ANSWER', request, status: 'UNAVAILABLE' }, '0801 10ac02 1808'],
  [{ type: 'ANSWER', request, status: 'OK', lifetimeSeconds: 3_600 }, '0801 10ac02 1801 38901c'],
  [{ type: 'NEWS', peer, envelope }, '0802 2203 000107 2a03 010203'],
  [{ type: 'NEWS', peer }, '0802 2203 000107'],
  [{ type: 'CALLED', envelope }, '0803 2a03 010203']
]
for (const [message, bytes] of requests) {
  test(`the bytes of a request: ${message.type}`, () => {
    assert.equal(hex(rendezvousRequestCodec.encode(message)), bytes.replaceAll(' ', ''))
    assert.deepEqual(plain(rendezvousRequestCodec.decode(bin(bytes))), message)
  })
}
for (const [event, bytes] of events) {
  test(`the bytes of an event: ${bytes}`, () => {
    assert.equal(hex(rendezvousEventCodec.encode(event)), bytes.replaceAll(' ', ''))
    assert.deepEqual(plain(rendezvousEventCodec.decode(bin(bytes))), event)
  })
}

test('a status of a later version is a refusal', () => {
  const { status } = rendezvousEventCodec.decode(bin('0801 10ac02 1863')) as { status: RendezvousStatus }
  assert.equal(status, 'UNAVAILABLE')
})

test('a detail is cut on the way out, and on the way in', () => {
  const detail = 'x'.repeat(MAX_DETAIL + 1)
  const encoded = rendezvousEventCodec.encode({ type: 'ANSWER', request, status: 'LIMIT', detail })
  assert.equal((rendezvousEventCodec.decode(encoded) as { detail: string }).detail.length, MAX_DETAIL)
  const long = bin(`0801 10ac02 1807 328102 ${hex(Buffer.from(detail))}`)
  assert.equal((rendezvousEventCodec.decode(long) as { detail: string }).detail.length, MAX_DETAIL)
})

test('a type of a later version is read as unknown, and not written', () => {
  for (const bytes of ['0806 10ac02 1a03 000107', '10ac02 1a03 000107']) {
    assert.deepEqual(plain(rendezvousRequestCodec.decode(bin(bytes))), { type: 'UNKNOWN', request })
  }
  for (const bytes of ['0804 10ac02', '']) {
    assert.deepEqual(plain(rendezvousEventCodec.decode(bin(bytes))), { type: 'UNKNOWN' })
  }
  const malformed = { name: 'NatError', code: 'MALFORMED' }
  assert.throws(() => rendezvousRequestCodec.encode({ type: 'UNKNOWN', request }), malformed)
  assert.throws(() => rendezvousEventCodec.encode({ type: 'UNKNOWN' }), malformed)
})

test('a later version may say more', () => {
  assert.deepEqual(plain(rendezvousRequestCodec.decode(bin('0802 10ac02 1a03 000107 7801'))), requests[1]![0])
  assert.deepEqual(plain(rendezvousEventCodec.decode(bin('0802 2203 000107 7801'))), { type: 'NEWS', peer })
})

test('the longest messages fit into a frame, whose length has two bytes', () => {
  const record = filled(MAX_RECORD_BYTES, 1)
  const detail = '€'.repeat(MAX_DETAIL)
  const longest = [
    rendezvousRequestCodec.encode({ type: 'CALL', request: 0xffff_ffff, peer: filled(64), envelope: record }),
    rendezvousEventCodec.encode({
      type: 'ANSWER',
      request: 0xffff_ffff,
      status: 'STALE',
      envelope: record,
      detail,
      lifetimeSeconds: 86_400
    })
  ]
  for (const { length } of longest) assert.ok(length <= MAX_RENDEZVOUS_BYTES, `${length} bytes`)
  assert.ok(MAX_RENDEZVOUS_BYTES <= 16_383)
})

const lengthOf = (bytes: number) => hex(Uint8Array.of((bytes & 0x7f) | 0x80, bytes >> 7))
const tooLong = `22${lengthOf(MAX_RECORD_BYTES + 1)} ${hex(filled(MAX_RECORD_BYTES + 1, 1))}`
const badRequests: ReadonlyArray<readonly [string, string]> = [
  ['nothing', ''],
  ['an unknown type without a number', '0806 1a03 000107'],
  ['no number', '0802 1a03 000107'],
  ['REGISTER of nothing', '0801 10ac02'],
  ['REGISTER of an empty record', '0801 10ac02 2200'],
  ['REGISTER of a record that is too long', `0801 10ac02 ${tooLong}`],
  ['QUERY for nobody', '0802 10ac02'],
  ['QUERY for an empty name', '0802 10ac02 1a00'],
  ['WATCH of a name of 65 bytes', `0803 10ac02 1a41 ${hex(filled(65))}`],
  ['UNWATCH of nobody', '0804 10ac02'],
  ['CALL without a record', '0805 10ac02 1a03 000107'],
  ['CALL to nobody', '0805 10ac02 2203 010203'],
  ['bytes that end too soon', '0802 10ac02 1a03 0001']
]
for (const [what, bytes] of badRequests) {
  test(`malformed request: ${what}`, () =>
    assert.throws(() => rendezvousRequestCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const badEvents: ReadonlyArray<readonly [string, string]> = [
  ['ANSWER to nothing', '0801 1801'],
  ['ANSWER with an empty record', '0801 10ac02 1801 2a00'],
  ['NEWS of nobody', '0802 2a03 010203'],
  ['NEWS of a name of 65 bytes', `0802 2241 ${hex(filled(65))}`],
  ['CALLED by nobody', '0803']
]
for (const [what, bytes] of badEvents) {
  test(`malformed event: ${what}`, () =>
    assert.throws(() => rendezvousEventCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const unspeakable: ReadonlyArray<readonly [string, () => void]> = [
  ['a number beyond 32 bits', () => rendezvousRequestCodec.encode({ type: 'QUERY', request: 2 ** 32, peer })],
  ['a question for nobody', () => rendezvousRequestCodec.encode({ type: 'QUERY', request, peer: new Uint8Array(0) })],
  ['an empty record', () => rendezvousEventCodec.encode({ type: 'NEWS', peer, envelope: new Uint8Array(0) })]
]
for (const [what, encode] of unspeakable) {
  test(`is not written: ${what}`, () => assert.throws(encode, { name: 'NatError', code: 'MALFORMED' }))
}

test('what is encoded comes back', () => {
  const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength })
  const anyNumber = fc.integer({ min: 0, max: 0xffff_ffff })
  fc.assert(
    fc.property(anyNumber, bytes(64), bytes(MAX_RECORD_BYTES), (request, peer, envelope) => {
      const call: RendezvousRequest = { type: 'CALL', request, peer, envelope }
      assert.deepEqual(plain(rendezvousRequestCodec.decode(rendezvousRequestCodec.encode(call))), call)
      const news: RendezvousEvent = { type: 'NEWS', peer, envelope }
      assert.deepEqual(plain(rendezvousEventCodec.decode(rendezvousEventCodec.encode(news))), news)
    })
  )
})

for (const [what, codec, samples] of [
  ['requests', rendezvousRequestCodec, requests],
  ['events', rendezvousEventCodec, events]
] as const) {
  test(`100,000 inputs to the codec of ${what}: nothing but MALFORMED, and no millisecond`, () => {
    fuzzCodec({ decode: input => void codec.decode(input), samples: samples.map(([, text]) => bin(text)), seed: 1 })
  })
}
