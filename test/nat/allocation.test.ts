import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from '../../src/core/random.ts'
import { classifyAllocation } from '../../src/nat/allocation.ts'

/** Private ports as the tests choose them: far apart, of both parities. */
const LOCAL = [50_001, 52_000, 54_006, 56_003, 58_005, 60_002, 62_004]

function verdict(
  ports: readonly (number | readonly [port: number, address: string])[],
  local: readonly number[] = LOCAL
) {
  return classifyAllocation(
    ports.map((port, index) => {
      const [publicPort, publicAddress] = typeof port === 'number' ? [port, 'X'] : port
      return { localPort: local[index]!, publicPort, publicAddress }
    })
  )
}

const ODD = [50_001, 52_003, 54_005, 56_007, 58_009, 60_011]

const ROWS: [
  about: string,
  ports: (number | [number, string])[],
  allocation: string | null,
  step: number | null,
  parity: boolean | null
][] = [
  ['nothing seen', [], null, null, null],
  ['one says nothing', [50_001], null, null, null],
  ['two that are kept', [50_001, 52_000], 'preserving', null, null],
  ['all kept', [...LOCAL], 'preserving', null, true],
  ['all kept but one, which was taken', [50_001, 1_025, 54_006, 56_003, 58_005], 'preserving', null, false],
  [
    'kept on several addresses',
    [
      [50_001, 'X'],
      [52_000, 'Y'],
      [54_006, 'Z']
    ],
    'preserving',
    null,
    null
  ],
  ['two that are not kept', [1_025, 1_026], null, null, null],
  ['one by one', [1_024, 1_025, 1_026, 1_027, 1_028], 'sequential', 1, false],
  ['others in between', [1_024, 1_025, 1_028, 1_029, 1_031], 'sequential', 1, false],
  ['by two', [2_000, 2_002, 2_004, 2_006, 2_008], 'sequential', 2, false],
  ['by two, others in between', [2_000, 2_004, 2_010, 2_012, 2_014], 'sequential', 2, false],
  ['by four, nothing but gaps of others', [2_000, 2_008, 2_020, 2_024, 2_032], 'sequential', 4, false],
  ['downwards', [9_000, 8_999, 8_998, 8_997, 8_996], 'sequential', -1, false],
  ['downwards by three', [9_000, 8_997, 8_994, 8_991, 8_988], 'sequential', -3, false],
  ['over the end of the range', [65_533, 65_534, 65_535, 1_024, 1_025], 'sequential', 1, false],
  ['over its beginning, downwards', [1_025, 1_024, 65_535, 65_534, 65_533], 'sequential', -1, false],
  ['over the end twice is chance', [65_532, 1_024, 65_534, 1_025, 65_535], 'random', null, false],
  ['one by one, with parity', [3_001, 3_002, 3_004, 3_005, 3_007, 3_008, 3_010], 'sequential', 1, true],
  ['by two, with parity', [3_001, 3_004, 3_006, 3_009, 3_011, 3_014, 3_016], 'sequential', 2, true],
  ['one of seven is an old mapping', [5_000, 5_001, 4_830, 5_012, 5_013, 5_014, 5_015], 'sequential', 1, false],
  ['two of seven are none', [5_000, 4_001, 4_830, 5_012, 5_013, 5_014, 5_015], 'random', null, false],
  ['one of six could be chance', [5_000, 5_001, 4_830, 5_012, 5_013, 5_014], 'random', null, false],
  ['overtaking each other', [5_000, 5_003, 5_001, 5_004, 5_002], 'sequential', 1, false],
  ['overtaking each other, by two, downwards', [5_008, 5_000, 5_004, 5_002, 4_996], 'sequential', -2, false],
  ['four that go up and down', [5_000, 5_003, 5_001, 5_004], 'random', null, false],
  ['random in a small block', [5_000, 5_031, 5_007, 5_060, 5_019], 'random', null, false],
  ['the same port each time, as one mapping', [5_000, 5_000, 5_000], 'random', null, false],
  ['steps too large for a counter', [5_000, 6_000, 7_000, 8_000, 9_000], 'random', null, false],
  ['a gap too large', [5_000, 5_001, 5_002, 6_000, 6_001], 'random', null, false],
  ['scattered', [40_123, 1_877, 61_002, 23_456, 9_999], 'random', null, false],
  ['scattered, with parity', [40_123, 1_878, 61_002, 23_457, 9_999, 33_332], 'random', null, true],
  [
    'a pool: the row of the address that has most',
    [
      [7_000, 'X'],
      [100, 'Y'],
      [7_001, 'X'],
      [7_002, 'X'],
      [101, 'Y']
    ],
    'sequential',
    1,
    false
  ],
  [
    'a pool: too few on each',
    [
      [7_000, 'X'],
      [100, 'Y'],
      [7_001, 'X'],
      [101, 'Y']
    ],
    null,
    null,
    null
  ]
]

describe('how public ports are chosen', () => {
  for (const [about, ports, allocation, step, parity] of ROWS) {
    test(about, () => assert.deepEqual(verdict(ports), { allocation, step, parity }))
  }

  test('private ports of one parity say nothing about it', () => {
    assert.equal(verdict([40_123, 1_877, 61_001, 23_457, 9_999, 33_331], ODD).parity, null)
  })

  test('random ports are taken for a row less than once in ten thousand times', () => {
    const random = seededRandom(4)
    let rows = 0
    for (let i = 0; i < 10_000; i++) {
      const ports = Array.from({ length: 5 }, () => random.int(1_024, 65_535))
      if (verdict(ports).allocation !== 'random') rows++
    }
    assert.equal(rows, 0)
  })
})
