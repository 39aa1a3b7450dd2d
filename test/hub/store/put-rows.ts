import type { PutOutcome } from '../../../src/hub/store/store.ts'
import { type Step, X, Y } from './records.ts'

export interface Row {
  readonly name: string
  readonly before: readonly Step[]
  readonly last: Step
  readonly outcome?: PutOutcome['outcome']
  /** The number of the record that others are told of. */
  readonly there?: number
}

export const ROWS: readonly Row[] = [
  { name: 'a first record of a hub', before: [], last: { put: 5, by: X }, outcome: 'stored', there: 5 },
  { name: 'a first record without a hub', before: [], last: { put: 5 }, outcome: 'stored', there: 5 },
  { name: 'a first record that is a goodbye', before: [], last: { put: 5, by: X, left: true }, outcome: 'stored' },
  { name: 'the same', before: [{ put: 5, by: X }], last: { put: 5, by: X }, outcome: 'same', there: 5 },
  { name: 'the same without a hub', before: [{ put: 5 }], last: { put: 5 }, outcome: 'same', there: 5 },
  { name: 'an older one', before: [{ put: 5, by: X }], last: { put: 4, by: X }, outcome: 'stale', there: 5 },
  {
    name: 'an older one by another hub',
    before: [{ put: 5, by: X }],
    last: { put: 4, by: Y },
    outcome: 'stale',
    there: 5
  },
  {
    name: 'another one with its number',
    before: [{ put: 5, by: X }],
    last: { put: 5, by: X, other: true },
    outcome: 'stale',
    there: 5
  },
  { name: 'a newer one', before: [{ put: 5, by: X }], last: { put: 6, by: X }, outcome: 'stored', there: 6 },
  { name: 'a newer one without a hub', before: [{ put: 5, by: X }], last: { put: 6 }, outcome: 'stored', there: 6 },
  {
    name: 'numbers that a float would blur',
    before: [{ put: Number.MAX_SAFE_INTEGER - 1, by: X }],
    last: { put: Number.MAX_SAFE_INTEGER, by: X },
    outcome: 'stored',
    there: Number.MAX_SAFE_INTEGER
  },
  {
    name: 'and the other way round',
    before: [{ put: Number.MAX_SAFE_INTEGER, by: X }],
    last: { put: Number.MAX_SAFE_INTEGER - 1, by: X },
    outcome: 'stale',
    there: Number.MAX_SAFE_INTEGER
  },
  { name: 'released by its only hub', before: [{ put: 5, by: X }], last: { release: X } },
  {
    name: 'released by one of two',
    before: [
      { put: 5, by: X },
      { put: 5, by: Y }
    ],
    last: { release: X },
    there: 5
  },
  { name: 'released by both', before: [{ put: 5, by: X }, { put: 5, by: Y }, { release: Y }], last: { release: X } },
  { name: 'released by a stranger', before: [{ put: 5, by: X }], last: { release: Y }, there: 5 },
  {
    name: 'released twice',
    before: [{ put: 5, by: X }, { put: 5, by: Y }, { release: X }],
    last: { release: X },
    there: 5
  },
  { name: 'nothing to release', before: [], last: { release: X } },
  { name: 'one of nobody, released', before: [{ put: 5 }], last: { release: X }, there: 5 },
  { name: 'one of nobody that a hub has taken over', before: [{ put: 5 }, { put: 5, by: X }], last: { release: X } },
  {
    name: 'a newer one of nobody, released by the hub of the one before',
    before: [{ put: 5, by: X }, { put: 6 }],
    last: { release: X }
  },
  { name: 'a replay does not make it outlive its hub', before: [{ put: 5, by: X }, { put: 5 }], last: { release: X } },
  {
    name: 'a replay does not bring it back',
    before: [{ put: 5, by: X }, { release: X }],
    last: { put: 5 },
    outcome: 'same'
  },
  { name: 'an older replay neither', before: [{ put: 5, by: X }, { release: X }], last: { put: 4 }, outcome: 'stale' },
  {
    name: 'a hub brings it back',
    before: [{ put: 5, by: X }, { release: X }],
    last: { put: 5, by: Y },
    outcome: 'same',
    there: 5
  },
  {
    name: 'a newer one brings it back',
    before: [{ put: 5, by: X }, { release: X }],
    last: { put: 6 },
    outcome: 'stored',
    there: 6
  },
  {
    name: 'another one with its number does not',
    before: [{ put: 5, by: X }, { release: X }],
    last: { put: 5, by: X, other: true },
    outcome: 'stale'
  },
  {
    name: 'a hub of the one before still holds',
    before: [
      { put: 5, by: X },
      { put: 6, by: Y }
    ],
    last: { release: Y },
    there: 6
  },
  {
    name: 'a goodbye',
    before: [
      { put: 5, by: X },
      { put: 5, by: Y }
    ],
    last: { put: 6, left: true },
    outcome: 'stored'
  },
  {
    name: 'a goodbye again',
    before: [{ put: 6, by: X, left: true }],
    last: { put: 6, by: X, left: true },
    outcome: 'same'
  },
  {
    name: 'a goodbye with the number of the record',
    before: [{ put: 6, by: X }],
    last: { put: 6, by: X, left: true, other: true },
    outcome: 'stale',
    there: 6
  },
  {
    name: 'a replay after the goodbye',
    before: [
      { put: 5, by: X },
      { put: 6, left: true }
    ],
    last: { put: 5, by: X },
    outcome: 'stale'
  },
  {
    name: 'back after the goodbye',
    before: [
      { put: 5, by: X },
      { put: 6, left: true }
    ],
    last: { put: 7, by: Y },
    outcome: 'stored',
    there: 7
  },
  {
    name: 'the hubs of before do not hold it then',
    before: [
      { put: 5, by: X },
      { put: 6, left: true },
      { put: 7, by: Y }
    ],
    last: { release: Y }
  }
]
