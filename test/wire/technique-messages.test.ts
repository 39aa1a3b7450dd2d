import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { NatError } from '../../src/core/errors.ts'
import { MAX_TECHNIQUE_BYTES } from '../../src/wire/plan.ts'
import {
  MAX_ROUND,
  MAX_SAMPLES,
  MAX_STEP,
  MAX_TARGETS,
  type ProbingMessage,
  probingMessageCodec
} from '../../src/wire/technique-messages.ts'
import { fuzzCodec } from './fuzz.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bin = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const malformed = (error: unknown) => error instanceof NatError && error.code === 'MALFORMED'

const v4 = { address: '11.0.0.7', port: 4_001 }
const v6 = { address: '2001:db8::7', port: 65_535 }

// by hand: field number and wire type, length, value
const vectors: ReadonlyArray<readonly [string, ProbingMessage, string]> = [
  ['a target', { type: 'TARGETS', round: 1, endpoints: [v4] }, '0a0d 0801 1209 0a04 0b000007 10a11f'],
  [
    'one of IPv6',
    { type: 'TARGETS', round: 2, endpoints: [v6] },
    '0a1a 0802 1216 0a10 20010db8000000000000000000000007 10ffff03'
  ],
  ['opened, unseen', { type: 'OPENED', round: 1, address: v4.address, ports: [] }, '1208 0801 1204 0b000007'],
  [
    'opened, with samples and a step of -1',
    { type: 'OPENED', round: 3, address: v4.address, ports: [1, 65_535], step: -1 },
    '1210 0803 1204 0b000007 1801 18ffff03 2001'
  ],
  [
    'a forecast',
    { type: 'FORECAST', round: 16, address: v4.address, port: 1_024, step: 16 },
    '1a0d 0810 1204 0b000007 188008 2020'
  ],
  ['the end', { type: 'DONE', reason: 'no-answer' }, '220b 0a09 6e6f2d616e73776572']
]

for (const [name, message, bytes] of vectors) {
  test(`${name} is written and read`, () => {
    assert.equal(hex(probingMessageCodec.encode(message)), bytes.replaceAll(' ', ''))
    assert.deepEqual(probingMessageCodec.decode(bin(bytes)), message)
  })
}

test('what a later version says is read as unknown, and a later field passed over', () => {
  assert.deepEqual(probingMessageCodec.decode(bin('2a02 0801')), { type: 'UNKNOWN' })
  assert.deepEqual(probingMessageCodec.decode(bin('')), { type: 'UNKNOWN' })
  assert.deepEqual(probingMessageCodec.decode(bin('220f 0a09 6e6f2d616e73776572 12020801')), {
    type: 'DONE',
    reason: 'no-answer'
  })
  assert.throws(() => probingMessageCodec.encode({ type: 'UNKNOWN' }), malformed)
})

const hostile: ReadonlyArray<readonly [string, string]> = [
  ['two messages in one', '0a0d 0801 1209 0a04 0b000007 10a11f 220b 0a09 6e6f2d616e73776572'],
  ['no round', '0a0b 1209 0a04 0b000007 10a11f'],
  ['round 0', '0a0d 0800 1209 0a04 0b000007 10a11f'],
  ['round 17', '0a0d 0811 1209 0a04 0b000007 10a11f'],
  ['no targets', '0a02 0801'],
  ['nine targets', `0a65 0801 ${'1209 0a04 0b000007 10a11f'.repeat(9)}`],
  ['an address of 3 bytes', '0a0c 0801 1208 0a03 0b0000 10a11f'],
  ['port 0', '0a0c 0801 1208 0a04 0b000007 1000'],
  ['port 65,536', '0a0e 0801 120a 0a04 0b000007 10808004'],
  ['opened without an address', '1202 0801'],
  ['33 ports', `124a 0801 1204 0b000007 ${'1801'.repeat(33)}`],
  ['a step of 0', '120a 0801 1204 0b000007 2000'],
  ['a step of 17', '120a 0801 1204 0b000007 2022'],
  ['a forecast without a step', '1a0b 0801 1204 0b000007 188008'],
  ['a forecast without a port', '1a0a 0801 1204 0b000007 2002'],
  ['an end without a reason', '2200'],
  ['a reason that is no code', '2204 0a02 4120'],
  ['a reason of 33 letters', `2223 0a21 ${'61'.repeat(33)}`]
]

for (const [name, bytes] of hostile) {
  test(`${name} is malformed`, () => assert.throws(() => probingMessageCodec.decode(bin(bytes)), malformed))
}

const address = fc.oneof(fc.ipV4(), fc.constant('2001:db8::7'))
const port = fc.integer({ min: 1, max: 65_535 })
const round = fc.integer({ min: 1, max: MAX_ROUND })
const step = fc.integer({ min: -MAX_STEP, max: MAX_STEP }).filter(value => value !== 0)
const plain = { noNullPrototype: true } as const
const targets = fc.array(fc.record({ address, port }, plain), { minLength: 1, maxLength: MAX_TARGETS })
const ports = fc.array(port, { maxLength: MAX_SAMPLES })
const anyMessage = fc.oneof(
  fc.record({ type: fc.constant('TARGETS' as const), round, endpoints: targets }, plain),
  fc.record({ type: fc.constant('OPENED' as const), round, address, ports }, plain),
  fc.record({ type: fc.constant('OPENED' as const), round, address, ports, step }, plain),
  fc.record({ type: fc.constant('FORECAST' as const), round, address, port, step }, plain),
  fc.record({ type: fc.constant('DONE' as const), reason: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/) }, plain)
)

test('whatever may be said arrives as it was, and fits into a message of a technique', () => {
  fc.assert(
    fc.property(anyMessage, message => {
      const bytes = probingMessageCodec.encode(message)
      assert.ok(bytes.length >= 1 && bytes.length <= MAX_TECHNIQUE_BYTES)
      assert.deepEqual(probingMessageCodec.decode(bytes), message)
    }),
    { seed: 1, numRuns: 500 }
  )
})

test('what may not be said is not written', () => {
  const targets = { type: 'TARGETS', round: 1, endpoints: [v4] } as const
  const forecast = { type: 'FORECAST', round: 1, address: v4.address, port: 1, step: 1 } as const
  const wrong: readonly ProbingMessage[] = [
    { ...targets, endpoints: [] },
    { ...targets, endpoints: Array.from({ length: MAX_TARGETS + 1 }, () => v4) },
    { ...targets, endpoints: [{ address: 'fe80::1%eth0', port: 1 }] },
    { ...forecast, step: 0 },
    { ...forecast, port: 70_000 },
    { ...forecast, round: 0.5 },
    { type: 'DONE', reason: 'No!' }
  ]
  for (const message of wrong) assert.throws(() => probingMessageCodec.encode(message), malformed)
})

test('any bytes are read or malformed', () => {
  fuzzCodec({
    decode: probingMessageCodec.decode,
    samples: vectors.map(([, , bytes]) => bin(bytes)),
    runs: 20_000,
    seed: 31
  })
})
