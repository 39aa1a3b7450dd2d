import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type LinkAttach, type LinkOffer, linkOfferCodec, type PipeHello, pipeHelloCodec } from '../../src/wire/link.ts'
import type { PathCandidate } from '../../src/wire/path.ts'
import { protobufCodec } from '../../src/wire/protobuf.ts'
import { bin, filled, hex, plain } from './bytes.ts'
import { fuzzCodec } from './fuzz.ts'
import { anyCandidates, anySummary, HOME, HOME_BYTES, SHUT_NETWORK } from './networks.ts'

const v4: PathCandidate = { kind: 'host', transport: 'udp', address: '11.0.0.7', port: 4001 }
const attach: LinkAttach = { link: filled(8), number: 300, mac: filled(32) }
const offer: LinkOffer = { key: filled(32, 1), to: bin('0024 0801'), candidates: [v4] }
const KEY = `0a20 ${hex(filled(32, 1))}`

// docs/path-protocol.md, encoded by hand
const V4 = '0801 1001 1a04 0b000007 20a11f'
const FIRST = `${KEY} 1204 00240801 220d ${V4}`
const SUMMARY = `2a4a ${HOME_BYTES}`

const hellos: ReadonlyArray<readonly [string, PipeHello, string]> = [
  ['an offer', { type: 'OFFER', envelope: bin('010203') }, '0a03 010203'],
  ['attach', { type: 'ATTACH', attach }, `122f 0a08 ${hex(attach.link)} 10ac02 1a20 ${hex(attach.mac)}`]
]
const offers: ReadonlyArray<readonly [string, LinkOffer, string]> = [
  ['a first offer', offer, FIRST],
  ['with a summary', { ...offer, summary: HOME }, `${FIRST} ${SUMMARY}`],
  ['with a summary of no network', { ...offer, summary: SHUT_NETWORK }, `${FIRST} 2a00`],
  ['an answer', { ...offer, candidates: [], answers: filled(32) }, `${KEY} 1204 00240801 1a20 ${hex(filled(32))}`]
]

for (const [what, hello, bytes] of hellos) {
  test(`the bytes of a hello: ${what}`, () => {
    assert.equal(hex(pipeHelloCodec.encode(hello)), bytes.replaceAll(' ', ''))
    assert.deepEqual(plain(pipeHelloCodec.decode(bin(bytes))), hello)
  })
}
for (const [what, value, bytes] of offers) {
  test(`the bytes of an offer: ${what}`, () => {
    assert.equal(hex(linkOfferCodec.encode(value)), bytes.replaceAll(' ', ''))
    assert.deepEqual(plain(linkOfferCodec.decode(bin(bytes))), value)
  })
}

test('a later version may begin a pipe in another way', () => {
  assert.deepEqual(pipeHelloCodec.decode(bin('1a0101')), { type: 'UNKNOWN' })
})

const unreadable: ReadonlyArray<readonly [string, string]> = [
  ['bytes of nothing', '2a03 ffffff'],
  ['17 uplinks', '2a02 4011'],
  ['five addresses', `2a1e ${'2a04 0b000007'.repeat(5)}`],
  ['a step that is too long', '2a04 0a02 3022'],
  ['a number where bytes are', '2801']
]
for (const [what, summary] of unreadable) {
  test(`a summary that cannot be read is no reason to refuse a link: ${what}`, () => {
    assert.deepEqual(plain(linkOfferCodec.decode(bin(`${FIRST} ${summary}`))), offer)
  })
}

test('an offer of the version before summaries is read, and reads ours', () => {
  // what that version had of LinkOffer
  const before = protobufCodec<{ readonly key: Uint8Array; readonly to: Uint8Array }>(
    {
      nested: {
        LinkOffer: {
          edition: 'proto2',
          fields: { key: { type: 'bytes', id: 1 }, to: { type: 'bytes', id: 2 }, answers: { type: 'bytes', id: 3 } }
        }
      }
    },
    'LinkOffer'
  )
  assert.equal('summary' in linkOfferCodec.decode(bin(FIRST)), false)
  const { key, to } = offer
  assert.deepEqual(plain(before.decode(linkOfferCodec.encode({ ...offer, summary: HOME }))), { key, to })
})

const LINK = `0a08 ${hex(attach.link)}`
const MAC = `1a20 ${hex(attach.mac)}`
const malformedHellos: ReadonlyArray<readonly [string, string]> = [
  ['two in one', `0a03 010203 122f ${LINK} 10ac02 ${MAC}`],
  ['no link', `1225 10ac02 ${MAC}`],
  ['a short link', `122e 0a07 01020304050607 10ac02 ${MAC}`],
  ['no number', `122c ${LINK} ${MAC}`],
  ['no MAC', `120d ${LINK} 10ac02`],
  ['a long MAC', `1230 ${LINK} 10ac02 1a21 ${hex(attach.mac)}00`]
]
for (const [what, bytes] of malformedHellos) {
  test(`malformed hello: ${what}`, () =>
    assert.throws(() => pipeHelloCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const malformedOffers: ReadonlyArray<readonly [string, string]> = [
  ['nothing', ''],
  ['no key', '1204 00240801'],
  ['a short key', `0a1f ${hex(filled(31))} 1204 00240801`],
  ['a long key', `0a21 ${hex(filled(33))} 1204 00240801`],
  ['for nobody', KEY],
  ['for an empty name', `${KEY} 1200`],
  ['for a name that is too long', `${KEY} 1241 ${hex(filled(65))}`],
  ['a short hash', `${KEY} 1204 00240801 1a1f ${hex(filled(31))}`]
]
for (const [what, bytes] of malformedOffers) {
  test(`malformed offer: ${what}`, () =>
    assert.throws(() => linkOfferCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const unspeakable: ReadonlyArray<readonly [string, () => void]> = [
  ['an unknown hello', () => pipeHelloCodec.encode({ type: 'UNKNOWN' })],
  ['a short MAC', () => pipeHelloCodec.encode({ type: 'ATTACH', attach: { ...attach, mac: filled(31) } })],
  ['a short key', () => linkOfferCodec.encode({ ...offer, key: filled(31) })],
  ['17 uplinks', () => linkOfferCodec.encode({ ...offer, summary: { ...HOME, uplinks: 17 } })]
]
for (const [what, encode] of unspeakable) {
  test(`is not written: ${what}`, () => assert.throws(encode, { name: 'NatError', code: 'MALFORMED' }))
}

test('what is encoded comes back', () => {
  fc.assert(
    fc.property(anyCandidates, fc.option(anySummary), (candidates, summary) => {
      const sent: LinkOffer = { ...offer, candidates, ...(summary == null ? {} : { summary }) }
      assert.deepEqual(plain(linkOfferCodec.decode(linkOfferCodec.encode(sent))), sent)
    })
  )
})

for (const [what, codec, samples] of [
  ['hellos', pipeHelloCodec, hellos.map(([, , text]) => text)],
  ['offers', linkOfferCodec, offers.map(([, , text]) => text)]
] as const) {
  test(`100,000 inputs to the codec of ${what}: nothing but MALFORMED, and no millisecond`, () => {
    fuzzCodec({ decode: input => void codec.decode(input), samples: samples.map(bin), seed: 1 })
  })
}
