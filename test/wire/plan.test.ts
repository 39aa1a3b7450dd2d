import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MAX_FRAME_BYTES } from '../../src/libp2p/frames.ts'
import { type PathMessage, pathMessageCodec } from '../../src/wire/path.ts'
import { MAX_START_MS, MAX_STEPS, MAX_TECHNIQUE_BYTES } from '../../src/wire/plan.ts'
import { ascii, bin, filled, hex, plain } from './bytes.ts'
import { fuzzCodec } from './fuzz.ts'
import { anySummary, HOME, HOME_BYTES, SHUT_NETWORK } from './networks.ts'

// docs/path-protocol.md, encoded by hand
const RELAY = `0a05 ${ascii('relay')}`
const PUNCH = `0a0a ${ascii('punch-quic')}`
const PREDICT = `0a07 ${ascii('predict')}`
const NO_ADDRESS = `120e ${ascii('no-own-address')}`
const LONGEST = 'a'.repeat(32)

const vectors: ReadonlyArray<readonly [string, PathMessage, string]> = [
  ['a report of no network', { type: 'REPORT', seq: 0, summary: SHUT_NETWORK }, '1a04 0800 1200'],
  ['a report', { type: 'REPORT', seq: 2, summary: HOME }, `1a4e 0802 124a ${HOME_BYTES}`],
  ['a plan without steps', { type: 'PLAN', round: 1, steps: [] }, '2202 0801'],
  [
    'a plan',
    {
      type: 'PLAN',
      round: 1,
      steps: [
        { technique: 'relay', startMs: 0 },
        { technique: 'punch-quic', startMs: 300 }
      ]
    },
    `221e 0801 1209 ${RELAY} 1000 120f ${PUNCH} 10ac02`
  ],
  [
    'the latest start',
    { type: 'PLAN', round: 1, steps: [{ technique: 'relay', startMs: 600_000 }] },
    `220f 0801 120b ${RELAY} 10c0cf24`
  ],
  ['neither yes nor no', { type: 'AGREE', round: 1, takes: [], refuses: [] }, '2a02 0801'],
  [
    'an agreement',
    {
      type: 'AGREE',
      round: 1,
      takes: ['punch-quic'],
      refuses: [{ technique: 'predict', reason: 'no-own-address' }]
    },
    `2a29 0801 120a ${ascii('punch-quic')} 1a19 ${PREDICT} ${NO_ADDRESS}`
  ],
  [
    'what a technique says',
    { type: 'TECHNIQUE', technique: 'predict', round: 3, bytes: bin('010203') },
    `3210 ${PREDICT} 1003 1a03 010203`
  ],
  [
    'the longest name, of the last round of all',
    { type: 'TECHNIQUE', technique: LONGEST, round: Number.MAX_SAFE_INTEGER, bytes: bin('00') },
    `322e 0a20 ${ascii(LONGEST)} 10ffffffffffffff0f 1a01 00`
  ]
]
for (const [what, message, bytes] of vectors) {
  test(`the bytes of plans: ${what}`, () => {
    assert.equal(hex(pathMessageCodec.encode(message)), bytes.replaceAll(' ', ''))
    assert.deepEqual(plain(pathMessageCodec.decode(bin(bytes))), message)
  })
}

const grown: ReadonlyArray<readonly [string, string, PathMessage]> = [
  ['of a plan', '2204 0801 7801', { type: 'PLAN', round: 1, steps: [] }],
  [
    'of a step',
    `220f 0801 120b ${RELAY} 1000 7801`,
    { type: 'PLAN', round: 1, steps: [{ technique: 'relay', startMs: 0 }] }
  ],
  ['of an agreement', '2a04 0801 7801', { type: 'AGREE', round: 1, takes: [], refuses: [] }],
  ['of a report', '1a06 0800 1200 7801', { type: 'REPORT', seq: 0, summary: SHUT_NETWORK }],
  ['of a summary', '1a06 0800 1202 7801', { type: 'REPORT', seq: 0, summary: SHUT_NETWORK }]
]
for (const [what, bytes, message] of grown) {
  test(`a later version may say more ${what}`, () => assert.deepEqual(pathMessageCodec.decode(bin(bytes)), message))
}

/** A field with a length before it, of any size. */
function field(tag: string, ...content: string[]): string {
  const inner = bin(content.join(''))
  const { length } = inner
  const size = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7]
  return `${tag}${hex(Uint8Array.from(size))}${hex(inner)}`
}
const named = (name: string) => field('0a', ascii(name))
const steps = (count: number) => Array.from({ length: count }, (_, index) => field('12', named(`t${index}`), '1000'))
const taken = (count: number) => Array.from({ length: count }, (_, index) => field('12', ascii(`t${index}`)))
const refused = (...names: string[]) => names.map(name => field('1a', named(name), NO_ADDRESS))

test('as many steps as there may be are read', () => {
  const plan = pathMessageCodec.decode(bin(field('22', '0801', ...steps(MAX_STEPS))))
  assert.equal(plan.type === 'PLAN' && plan.steps.length, MAX_STEPS)
  const agreed = pathMessageCodec.decode(bin(field('2a', '0801', ...taken(MAX_STEPS))))
  assert.equal(agreed.type === 'AGREE' && agreed.takes.length, MAX_STEPS)
})

const badNames: ReadonlyArray<readonly [string, string]> = [
  ['no letter', ''],
  ['33 letters', 'a'.repeat(33)],
  ['capitals', 'Relay'],
  ['a dash first', '-relay'],
  ['a space', 'punch quic'],
  ['a line end', 'relay\n'],
  ['a zero', 'relay\0'],
  ['half a letter', 'relay\xc3']
]
const malformed: ReadonlyArray<readonly [string, string]> = [
  ['a plan and an agreement', '2202 0801 2a02 0801'],
  ['a report and candidates', '0a02 0800 1a04 0800 1200'],
  ['a report without a summary', '1a02 0800'],
  ['a report without a number', '1a02 1200'],
  ['a report of 17 uplinks', '1a06 0800 1202 4011'],
  ['a plan without a round', '2200'],
  ['a round of 64 bits', '220b 08ffffffffffffffffff01'],
  ['17 steps', field('22', '0801', ...steps(MAX_STEPS + 1))],
  ['a plan as long as a frame', field('22', '0801', '1200'.repeat(2_000))],
  ['a step twice', field('22', '0801', ...steps(1), ...steps(1))],
  ['a step without a name', '2206 0801 1202 1000'],
  ['a step without a start', field('22', '0801', field('12', RELAY))],
  ['a start after the last', field('22', '0801', field('12', RELAY, '10c1cf24'))],
  ['a start before now', field('22', '0801', field('12', RELAY, '10ffffffffffffffffff01'))],
  ...badNames.flatMap(([what, name]) => [
    [`a step that is named with ${what}`, field('22', '0801', field('12', named(name), '1000'))] as const,
    [`an agreement to what is named with ${what}`, field('2a', '0801', field('12', ascii(name)))] as const,
    [`a reason with ${what}`, field('2a', '0801', field('1a', RELAY, field('12', ascii(name))))] as const,
    [`a technique that is named with ${what}`, field('32', named(name), '1001', '1a0101')] as const
  ]),
  ['an agreement without a round', '2a00'],
  ['17 steps agreed to', field('2a', '0801', ...taken(MAX_STEPS + 1))],
  ['17 steps agreed to or refused', field('2a', '0801', ...taken(MAX_STEPS), ...refused('last'))],
  ['a step agreed to twice', field('2a', '0801', ...taken(1), ...taken(1))],
  ['a step agreed to and refused', field('2a', '0801', ...taken(1), ...refused('t0'))],
  ['a step refused without a reason', field('2a', '0801', field('1a', RELAY))],
  ['what a technique says, without a round', `320e ${PREDICT} 1a03 010203`],
  ['nothing that a technique says', field('32', PREDICT, '1003')],
  ['no byte that a technique says', field('32', PREDICT, '1003', '1a00')],
  ['1,025 bytes that a technique says', field('32', PREDICT, '1003', field('1a', hex(filled(1_025, 1))))]
]
for (const [what, bytes] of malformed) {
  test(`malformed: ${what}`, () =>
    assert.throws(() => pathMessageCodec.decode(bin(bytes)), { name: 'NatError', code: 'MALFORMED' }))
}

const step = { technique: 'relay', startMs: 0 } as const
const many = Array.from({ length: MAX_STEPS + 1 }, (_, index) => `t${index}`)
const unspeakable: ReadonlyArray<readonly [string, PathMessage]> = [
  ['a round below 0', { type: 'PLAN', round: -1, steps: [] }],
  ['17 steps', { type: 'PLAN', round: 1, steps: many.map(technique => ({ technique, startMs: 0 })) }],
  ['a step twice', { type: 'PLAN', round: 1, steps: [step, step] }],
  ['a name with a capital', { type: 'PLAN', round: 1, steps: [{ ...step, technique: 'Relay' }] }],
  ['a start in the past', { type: 'PLAN', round: 1, steps: [{ ...step, startMs: -1 }] }],
  ['a start in half a millisecond', { type: 'PLAN', round: 1, steps: [{ ...step, startMs: 0.5 }] }],
  ['a start that is too late', { type: 'PLAN', round: 1, steps: [{ ...step, startMs: MAX_START_MS + 1 }] }],
  ['17 steps agreed to', { type: 'AGREE', round: 1, takes: many, refuses: [] }],
  [
    'a reason of a sentence',
    { type: 'AGREE', round: 1, takes: [], refuses: [{ technique: 'relay', reason: 'I may' }] }
  ],
  ['no bytes', { type: 'TECHNIQUE', technique: 'relay', round: 1, bytes: filled(0) }],
  ['too many bytes', { type: 'TECHNIQUE', technique: 'relay', round: 1, bytes: filled(MAX_TECHNIQUE_BYTES + 1) }]
]
for (const [what, message] of unspeakable) {
  test(`is not written: ${what}`, () =>
    assert.throws(() => pathMessageCodec.encode(message), { name: 'NatError', code: 'MALFORMED' }))
}

const longName = (index: number) => String(index).padEnd(32, 'x')
const longest: readonly PathMessage[] = [
  {
    type: 'PLAN',
    round: Number.MAX_SAFE_INTEGER,
    steps: Array.from({ length: MAX_STEPS }, (_, index) => ({ technique: longName(index), startMs: MAX_START_MS }))
  },
  {
    type: 'AGREE',
    round: Number.MAX_SAFE_INTEGER,
    takes: [],
    refuses: Array.from({ length: MAX_STEPS }, (_, index) => ({ technique: longName(index), reason: LONGEST }))
  },
  {
    type: 'TECHNIQUE',
    technique: LONGEST,
    round: Number.MAX_SAFE_INTEGER,
    bytes: filled(MAX_TECHNIQUE_BYTES, 0xff)
  }
]
for (const message of longest) {
  test(`the longest ${message.type} fits into a frame`, () => {
    const bytes = pathMessageCodec.encode(message)
    assert.ok(bytes.length <= MAX_FRAME_BYTES, `${bytes.length} bytes`)
    assert.deepEqual(plain(pathMessageCodec.decode(bytes)), plain(message))
  })
}

const ordinary = { noNullPrototype: true }
const anyName = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/)
const anyNames = fc.uniqueArray(anyName, { maxLength: MAX_STEPS })
const round = fc.maxSafeNat()
const startMs = fc.integer({ min: 0, max: MAX_START_MS })
const anyMessage: fc.Arbitrary<PathMessage> = fc.oneof(
  fc.record({ type: fc.constant('REPORT' as const), seq: round, summary: anySummary }, ordinary),
  fc.tuple(round, anyNames, fc.infiniteStream(startMs)).map(([round, names, starts]) => ({
    type: 'PLAN' as const,
    round,
    steps: names.map(technique => ({ technique, startMs: starts.next().value }))
  })),
  fc.tuple(round, anyNames, fc.nat(MAX_STEPS), anyName).map(([round, names, takes, reason]) => ({
    type: 'AGREE' as const,
    round,
    takes: names.slice(0, takes),
    refuses: names.slice(takes).map(technique => ({ technique, reason }))
  })),
  fc.record(
    {
      type: fc.constant('TECHNIQUE' as const),
      technique: anyName,
      round,
      bytes: fc.uint8Array({ minLength: 1, maxLength: MAX_TECHNIQUE_BYTES })
    },
    ordinary
  )
)
test('what is encoded comes back', () => {
  fc.assert(
    fc.property(anyMessage, message => {
      const bytes = pathMessageCodec.encode(message)
      assert.ok(bytes.length <= MAX_FRAME_BYTES)
      assert.deepEqual(plain(pathMessageCodec.decode(bytes)), plain(message))
    })
  )
})

test('100,000 inputs to the codec of plans: nothing but MALFORMED, and no millisecond', () => {
  const samples = [
    ...[...vectors.map(([, , text]) => text), ...grown.map(([, text]) => text)].map(bin),
    ...longest.map(message => pathMessageCodec.encode(message))
  ]
  fuzzCodec({ decode: input => bounded(pathMessageCodec.decode(input)), samples, seed: 2, maxBytes: MAX_FRAME_BYTES })
})

/** Whatever came in: what is read of it keeps to the bounds of what may be written. */
function bounded(message: PathMessage): void {
  if (message.type === 'UNKNOWN') return
  assert.doesNotThrow(() => pathMessageCodec.encode(message))
}
