import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type NetworkSummary, summaryCodec, type TransportSummary } from '../../src/wire/summary.ts'
import { bin, hex } from './bytes.ts'
import { fuzzCodec } from './fuzz.ts'
import { anySummary, HOME, HOME_BYTES, SHUT_NETWORK, SHUT_TRANSPORT } from './networks.ts'

const udp4 = (known: Partial<TransportSummary>): NetworkSummary => ({
  ...SHUT_NETWORK,
  udp4: { ...SHUT_TRANSPORT, ...known }
})

const V6 = '20010db8000000000000000000000007'
const vectors: ReadonlyArray<readonly [string, NetworkSummary, string]> = [
  ['nothing comes back by any way', SHUT_NETWORK, ''],
  ['a home', HOME, HOME_BYTES],
  ['UDP goes out, and no more is known', udp4({ ok: true }), '0a02 0801'],
  ['UDP is shut, and that is known of a translated way', udp4({ translated: true }), '0a02 1001'],
  ['no translation differs from none known', udp4({ translated: false }), '0a02 1000'],
  ['mapping', udp4({ mapping: 'address-dependent' }), '0a02 1802'],
  ['filtering', udp4({ filtering: 'endpoint-independent' }), '0a02 2001'],
  ['random ports', udp4({ allocation: 'random' }), '0a02 2803'],
  ['ports up by 1', udp4({ allocation: 'sequential', step: 1 }), '0a04 2802 3002'],
  ['ports down by 1', udp4({ allocation: 'sequential', step: -1 }), '0a04 2802 3001'],
  ['ports up by 16', udp4({ step: 16 }), '0a02 3020'],
  ['ports down by 16', udp4({ step: -16 }), '0a02 301f'],
  ['hairpin', udp4({ hairpin: true }), '0a02 3801'],
  ['the IPv6 side', { ...SHUT_NETWORK, udp6: { ...SHUT_TRANSPORT, ok: true } }, '1202 0801'],
  ['TCP', { ...SHUT_NETWORK, tcp4: { ...SHUT_TRANSPORT, ok: true } }, '1a02 0801'],
  ['TCP over IPv6', { ...SHUT_NETWORK, tcp6: { ...SHUT_TRANSPORT, ok: true } }, '2202 0801'],
  ['addresses', { ...SHUT_NETWORK, publicAddresses: ['11.0.0.7', '2001:db8::7'] }, `2a04 0b000007 2a10 ${V6}`],
  ['reached uninvited', { ...SHUT_NETWORK, reachability: 'public' }, '3801'],
  ['many uplinks', { ...SHUT_NETWORK, uplinks: 16 }, '4010']
]
for (const [what, summary, bytes] of vectors) {
  test(`the bytes of a summary: ${what}`, () => {
    assert.equal(hex(summaryCodec.encode(summary)), bytes.replaceAll(' ', ''))
    assert.deepEqual(summaryCodec.decode(bin(bytes)), summary)
  })
}

const grown: ReadonlyArray<readonly [string, string, NetworkSummary]> = [
  ['a field more', '4001 7801', { ...SHUT_NETWORK, uplinks: 1 }],
  ['of a transport a field more', '0a04 0801 7801', udp4({ ok: true })],
  ['another behaviour', '0a06 0801 1804 2004', udp4({ ok: true })],
  ['another allocation', '0a04 0801 2804', udp4({ ok: true })],
  ['a field of another type', '0801', SHUT_NETWORK],
  ['another reachability', '3803', SHUT_NETWORK],
  ['what is absent by default, said', '0a02 0800 3000 4000', SHUT_NETWORK]
]
for (const [what, bytes, summary] of grown) {
  test(`a later version may say more: ${what}`, () => assert.deepEqual(summaryCodec.decode(bin(bytes)), summary))
}

const malformed: ReadonlyArray<readonly [string, string]> = [
  ['five addresses', '2a04 0b000007'.repeat(5)],
  ['an address of 5 bytes', '2a05 0b00000700'],
  ['an empty address', '2a00'],
  ['ports up by 17', '0a02 3022'],
  ['ports down by 17', '0a02 3021'],
  ['ports up by very much', '0a06 30feffffff0f'],
  ['17 uplinks', '4011'],
  ['more uplinks than there are hosts', '40ffffffff0f'],
  ['a length past the end', '0a05 0801']
]
for (const [what, bytes] of malformed) {
  test(`malformed: ${what}`, () =>
    assert.throws(() => summaryCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const unspeakable: ReadonlyArray<readonly [string, NetworkSummary]> = [
  ['five addresses', { ...HOME, publicAddresses: new Array(5).fill('11.0.0.7') }],
  ['a name', { ...HOME, publicAddresses: ['example.org'] }],
  ['a zone', { ...HOME, publicAddresses: ['fe80::1%eth0'] }],
  ['a step of 17', udp4({ step: 17 })],
  ['half a step', udp4({ step: 0.5 })],
  ['17 uplinks', { ...HOME, uplinks: 17 }],
  ['uplinks below 0', { ...HOME, uplinks: -1 }]
]
for (const [what, summary] of unspeakable) {
  test(`is not written: ${what}`, () =>
    assert.throws(() => summaryCodec.encode(summary), { name: 'NatError', code: 'MALFORMED' }))
}

test('a summary is short: offers are one frame, with a signature and up to 16 candidates in it', () => {
  assert.equal(summaryCodec.encode(HOME).length, 74)
  const all = { ...HOME.udp4, allocation: 'sequential', step: -16 } as const
  const longest: NetworkSummary = {
    udp4: all,
    udp6: all,
    tcp4: all,
    tcp6: all,
    publicAddresses: new Array(4).fill('2001:db8::7'),
    mapped: true,
    reachability: 'public',
    uplinks: 16
  }
  assert.equal(summaryCodec.encode(longest).length, 142)
})

test('what is encoded comes back', () => {
  fc.assert(
    fc.property(anySummary, summary => {
      const bytes = summaryCodec.encode(summary)
      assert.deepEqual(summaryCodec.decode(bytes), summary)
      assert.ok(bytes.length <= 142)
    })
  )
})

test('100,000 inputs to the codec of summaries: nothing but MALFORMED, and no millisecond', () => {
  const samples = [...vectors.map(([, , text]) => text), ...grown.map(([, text]) => text)].map(bin)
  fuzzCodec({ decode: input => bounded(summaryCodec.decode(input)), samples, seed: 1 })
})

/** Whatever came in: what is read of it is within what a planner counts on. */
function bounded({ udp4, udp6, tcp4, tcp6, publicAddresses, uplinks }: NetworkSummary): void {
  for (const { step } of [udp4, udp6, tcp4, tcp6]) assert.ok(step == null || Math.abs(step) <= 16)
  assert.ok(publicAddresses.length <= 4 && uplinks >= 0 && uplinks <= 16)
}
