import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pairKey, WHAT_WORKED, WhatWorked } from '../../src/traversal/what-worked.ts'
import { other, summary } from './summaries.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const DAY_MS = 24 * 3_600_000
const PAIR = '11.1.0.10 11.2.0.10'

describe('the name of a pair of networks', () => {
  it('is made of the public addresses of both', () => assert.equal(pairKey(summary(), other()), PAIR))

  it('does not depend on their order, nor on which of its addresses an IPv6 host has', () => {
    const at = (...publicAddresses: string[]) => pairKey(summary({ publicAddresses }), other())
    assert.equal(at('11.1.0.10', '2001:4860:1:2::10'), at('2001:4860:1:2:a:b:c:d', '11.1.0.10', '2001:4860:1:2::11'))
    assert.notEqual(at('2001:4860:1:2::10'), at('2001:4860:1:3::10'))
  })

  it('there is none where a side tells no address', () => {
    const silent = summary({ publicAddresses: [] })
    assert.deepEqual([pairKey(silent, other()), pairKey(other(), silent)], [undefined, undefined])
  })

  it('is kept, however long', () => {
    const publicAddresses = ['1', '2', '3', '4'].map(n => `2001:4860:aaaa:bbb${n}:cccc:dddd:eeee:ffff`)
    const key = pairKey(summary({ publicAddresses }), other({ publicAddresses }))!
    const memory = new WhatWorked()
    memory.remember(key, 'predict', NOW_MS)
    assert.equal(memory.recall(key, NOW_MS), 'predict')
  })
})

describe('what worked', () => {
  it('is recalled for a week', () => {
    const memory = new WhatWorked()
    memory.remember(PAIR, 'birthday', NOW_MS)
    assert.equal(memory.recall(PAIR, NOW_MS + 7 * DAY_MS - 1), 'birthday')
    assert.equal(memory.recall(PAIR, NOW_MS + 7 * DAY_MS), undefined)
    assert.deepEqual(memory.toJSON(), [])
  })

  it('is what worked last', () => {
    const memory = new WhatWorked()
    memory.remember(PAIR, 'birthday', NOW_MS)
    memory.remember(PAIR, 'punch-tcp', NOW_MS + 1)
    assert.equal(memory.recall(PAIR, NOW_MS + 2), 'punch-tcp')
    memory.forget(PAIR)
    assert.equal(memory.recall(PAIR, NOW_MS + 2), undefined)
  })

  it('is never the relay, nor what is no name', () => {
    const memory = new WhatWorked()
    for (const technique of ['relay', '', 'a b', 'x'.repeat(33)]) memory.remember(PAIR, technique, NOW_MS)
    memory.remember('', 'birthday', NOW_MS)
    assert.deepEqual(memory.toJSON(), [])
  })

  it('is forgotten of the pair that was remembered longest ago, when there are too many', () => {
    const memory = new WhatWorked()
    for (let n = 0; n < WHAT_WORKED.pairs; n++) memory.remember(`pair ${n}`, 'predict', NOW_MS + n)
    memory.remember('pair 0', 'predict', NOW_MS + 1_000)
    memory.remember('one more', 'predict', NOW_MS + 1_001)
    assert.equal(memory.toJSON().length, WHAT_WORKED.pairs)
    const recalled = ['pair 0', 'pair 1', 'pair 2', 'one more'].map(pair => memory.recall(pair, NOW_MS + 2_000))
    assert.deepEqual(recalled, ['predict', undefined, 'predict', 'predict'])
  })
})

describe('what was kept', () => {
  const good = { pair: PAIR, technique: 'birthday', atMs: NOW_MS }
  const read = (kept: unknown, nowMs = NOW_MS) => WhatWorked.fromJSON(kept, nowMs).toJSON()

  it('comes back as it was', () => {
    const memory = new WhatWorked()
    memory.remember(PAIR, 'birthday', NOW_MS - 5)
    memory.remember('another', 'my-own', NOW_MS - 4)
    assert.deepEqual(read(JSON.parse(JSON.stringify(memory))), memory.toJSON())
  })

  const bad: readonly [string, unknown][] = [
    ['nothing', undefined],
    ['an object', { 0: good, length: 1 }],
    ['a pair that is no text', [{ ...good, pair: 7 }]],
    ['a pair without end', [{ ...good, pair: 'x'.repeat(401) }]],
    ['a name that is none', [{ ...good, technique: '../../x' }]],
    ['the relay', [{ ...good, technique: 'relay' }]],
    ['no time', [{ ...good, atMs: null }]],
    ['a time of the future', [{ ...good, atMs: NOW_MS + 1 }]],
    ['a time long ago', [{ ...good, atMs: NOW_MS - 8 * DAY_MS }]],
    ['nulls', [null, [], 3]]
  ]
  for (const [what, kept] of bad) it(`${what}: left out`, () => assert.deepEqual(read(kept), []))

  it('what is good is taken beside what is bad; of one pair the latest', () => {
    const kept = [null, { ...good, technique: 'predict', atMs: NOW_MS }, { ...good, atMs: NOW_MS - 1 }, { pair: 1 }]
    assert.deepEqual(read(kept), [{ pair: PAIR, technique: 'predict', atMs: NOW_MS }])
  })

  it('no more than are remembered anyway, and no field more', () => {
    const kept = Array.from({ length: 10_000 }, (_, n) => ({ ...good, pair: `pair ${n}`, more: 'x' }))
    const found = read(kept)
    assert.equal(found.length, WHAT_WORKED.pairs)
    assert.deepEqual(Object.keys(found[0]!), ['pair', 'technique', 'atMs'])
  })

  it('whatever it is, nothing is thrown', () => {
    fc.assert(
      fc.property(fc.jsonValue(), kept => {
        assert.deepEqual(read([kept, good]), [good])
        read(kept)
      }),
      { seed: 7, numRuns: 500 }
    )
  })
})
