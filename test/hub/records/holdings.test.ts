import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { Holdings } from '../../../src/hub/records/holdings.ts'

const GRACE_S = 60
const PEER = 'a peer'

type Step = 'granted' | 'ended' | 'joined' | 'parted' | 'hold' | 'resume'

/** When each thing happens, in seconds, and when the record is released. */
const rows: ReadonlyArray<readonly [string, ReadonlyArray<readonly [number, Step]>, readonly number[]]> = [
  [
    'a reservation that lasts',
    [
      [0, 'granted'],
      [1, 'hold']
    ],
    []
  ],
  [
    'a reservation that ends',
    [
      [0, 'granted'],
      [1, 'hold'],
      [100, 'ended']
    ],
    [160]
  ],
  [
    'a reservation that is renewed',
    [
      [0, 'granted'],
      [1, 'hold'],
      [1_800, 'granted'],
      [5_400, 'ended']
    ],
    [5_460]
  ],
  [
    'a new one within the time of grace',
    [
      [0, 'granted'],
      [1, 'hold'],
      [100, 'ended'],
      [159, 'granted']
    ],
    []
  ],
  [
    'a new one that ends, too',
    [
      [0, 'granted'],
      [1, 'hold'],
      [100, 'ended'],
      [159, 'granted'],
      [200, 'ended']
    ],
    [260]
  ],
  [
    'a new one too late: it is registered anew, or not at all',
    [
      [0, 'granted'],
      [1, 'hold'],
      [100, 'ended'],
      [161, 'granted'],
      [300, 'ended']
    ],
    [160]
  ],
  [
    'a reservation that ends while the stream lives',
    [
      [0, 'granted'],
      [0, 'joined'],
      [1, 'hold'],
      [100, 'ended']
    ],
    [160]
  ],
  [
    'registered by its stream after that',
    [
      [0, 'granted'],
      [0, 'joined'],
      [1, 'hold'],
      [100, 'ended'],
      [110, 'hold'],
      [500, 'parted']
    ],
    [560]
  ],
  [
    'no reservation, and a stream that lives',
    [
      [0, 'joined'],
      [1, 'hold']
    ],
    []
  ],
  [
    'no reservation, and a stream that ends',
    [
      [0, 'joined'],
      [1, 'hold'],
      [100, 'parted']
    ],
    [160]
  ],
  [
    'one of two streams ends',
    [
      [0, 'joined'],
      [0, 'joined'],
      [1, 'hold'],
      [100, 'parted']
    ],
    []
  ],
  [
    'another stream within the time of grace',
    [
      [0, 'joined'],
      [1, 'hold'],
      [100, 'parted'],
      [130, 'joined']
    ],
    []
  ],
  [
    'registered by its stream before the reservation is there',
    [
      [0, 'joined'],
      [1, 'hold'],
      [2, 'granted'],
      [50, 'parted'],
      [100, 'ended']
    ],
    [160]
  ],
  [
    'registered in the moment in which the stream ended',
    [
      [0, 'joined'],
      [1, 'parted'],
      [2, 'hold']
    ],
    [62]
  ],
  [
    'registered again within the time of grace',
    [
      [0, 'granted'],
      [1, 'hold'],
      [100, 'ended'],
      [120, 'joined'],
      [130, 'hold'],
      [200, 'parted']
    ],
    [260]
  ],
  [
    'a reservation and a stream without a record',
    [
      [0, 'granted'],
      [0, 'joined'],
      [100, 'ended'],
      [100, 'parted']
    ],
    []
  ],
  ['held before, and never seen again', [[0, 'resume']], [60]],
  [
    'held before, and reserved again',
    [
      [0, 'resume'],
      [59, 'granted'],
      [100, 'ended']
    ],
    [160]
  ],
  [
    'held before, and connected again',
    [
      [0, 'resume'],
      [59, 'joined'],
      [100, 'parted']
    ],
    [160]
  ],
  [
    'held before, and registered before that was known',
    [
      [0, 'granted'],
      [1, 'hold'],
      [2, 'resume']
    ],
    []
  ],
  [
    'ended twice',
    [
      [0, 'granted'],
      [1, 'hold'],
      [100, 'ended'],
      [130, 'ended']
    ],
    [160]
  ]
]
for (const [what, steps, released] of rows) {
  test(`grace: ${what}`, async () => {
    const clock = new VirtualClock()
    const over: number[] = []
    const holdings = new Holdings(clock, GRACE_S * 1_000, peer => {
      assert.equal(peer, PEER)
      over.push(clock.now() / 1_000)
    })
    for (const [atS, step] of steps) {
      await clock.advance(atS * 1_000 - clock.now())
      holdings[step](PEER)
    }
    await clock.advance(10_000_000)
    assert.deepEqual(over, released)
    assert.equal(clock.pending, 0)
  })
}

test('each peer has a time of grace of its own, and one timer does for all', async () => {
  const clock = new VirtualClock()
  const over: string[] = []
  const holdings = new Holdings(clock, GRACE_S * 1_000, peer => over.push(`${peer} ${clock.now() / 1_000}`))
  for (const peer of ['a', 'b', 'c']) {
    holdings.granted(peer)
    holdings.hold(peer)
    await clock.advance(10_000)
    holdings.ended(peer)
  }
  assert.equal(clock.pending, 1)
  holdings.granted('b')
  await clock.advance(100_000)
  assert.deepEqual(over, ['a 70', 'c 90'])
  assert.equal(holdings.count, 1)
})

test('who has stopped releases nothing, and has no timer', async () => {
  const clock = new VirtualClock()
  const holdings = new Holdings(clock, GRACE_S * 1_000, () => assert.fail('released'))
  for (const peer of ['a', 'b']) {
    holdings.joined(peer)
    holdings.hold(peer)
  }
  holdings.parted('a')
  holdings.stop()
  holdings.parted('b')
  assert.equal(clock.pending, 0)
  await clock.advance(100_000)
})
