import assert from 'node:assert/strict'
import test from 'node:test'
import { Breaks } from '../../../src/traversal/paths/breaks.ts'
import { KEEPALIVE, Keepalives, MappingLifetime } from '../../../src/traversal/paths/keepalive.ts'
import { RelayWish, relayNeed } from '../../../src/traversal/paths/relays.ts'
import { Search } from '../../../src/traversal/paths/search.ts'
import { knownPath, NOW } from './choosable.ts'

test('keepalives: longer by a half after three successes, up to what Linux keeps', () => {
  const lifetime = new MappingLifetime()
  const intervals = [lifetime.intervalMs]
  for (let i = 0; i < 60; i++) {
    lifetime.bore(lifetime.intervalMs)
    if (lifetime.intervalMs !== intervals.at(-1)) intervals.push(lifetime.intervalMs)
  }
  assert.deepEqual(intervals, [15_000, 22_500, 33_750, 50_625, 75_937.5, 100_000])
})

test('keepalives: what a shorter silence shows is nothing', () => {
  const lifetime = new MappingLifetime()
  for (let i = 0; i < 100; i++) lifetime.bore(5_000)
  assert.equal(lifetime.intervalMs, KEEPALIVE.firstMs)
})

test('keepalives: well below what broke, for long; then tried again, ever more rarely', () => {
  const lifetime = new MappingLifetime()
  lifetime.broke(40_000)
  assert.equal(lifetime.intervalMs, 15_000)
  const broke = () => {
    for (let successes = 0; ; successes++) {
      if (lifetime.intervalMs * 1.1 > 40_000) {
        lifetime.broke(lifetime.intervalMs)
        return successes
      }
      lifetime.bore(lifetime.intervalMs)
    }
  }
  // the first one had to learn from 15 s on
  broke()
  const waits = [broke(), broke(), broke()]
  assert.ok(waits[0]! >= 120 && waits[1]! > 1.8 * waits[0]! && waits[2]! > 1.8 * waits[1]!, `${waits}`)
})

test('keepalives: one lost packet is an accident, two in a row are not', () => {
  const lifetime = new MappingLifetime()
  lifetime.faltered(15_000)
  lifetime.bore(15_000)
  lifetime.faltered(15_000)
  assert.equal(lifetime.intervalMs, 15_000)
  lifetime.faltered(15_000)
  assert.equal(lifetime.intervalMs, 9_000)
  lifetime.forget()
  assert.equal(lifetime.intervalMs, 15_000)
})

test('keepalives: by what is in between, by turns, and never seldom while no relay works', () => {
  const heard = { heardAtMs: NOW }
  /** Name, path, successes of its mapping; seconds to the next asking: with a relay, and when that went 0, 18 and 50 s after something came. */
  const rows = [
    ['UDP through a NAT', heard, 0, [15, 15, 15, 15]],
    ['not our turn', { ...heard, turn: 'theirs' }, 0, [16.5, 16.5, 16.5, 16.5]],
    ['its mapping bears more', heard, 60, [100, 20, 20, 50]],
    ['the same, not our turn', { ...heard, turn: 'theirs' }, 60, [101.5, 21.5, 21.5, 51.5]],
    ['no NAT', { ...heard, plain: true }, 0, [100, 20, 20, 50]],
    ['TCP', { ...heard, transport: 'tcp' }, 0, [120, 20, 20, 50]],
    ['a relay', { ...heard, transport: 'relay' }, 0, [300, 20, 20, 50]]
  ] as const
  for (const [name, facts, successes, seconds] of rows) {
    const keepalives = new Keepalives()
    const { lifetime } = keepalives
    for (let i = 0; i < successes; i++) lifetime.bore(lifetime.intervalMs)
    const known = knownPath(facts)
    const quiet = [0, 18_000, 50_000].map(goneMs => {
      keepalives.relayed(true, NOW)
      keepalives.relayed(false, NOW + goneMs)
      keepalives.relayed(false, NOW + goneMs + 5_000)
      return keepalives.quietMs(known) / 1_000
    })
    keepalives.relayed(true, NOW)
    assert.deepEqual([keepalives.quietMs(known) / 1_000, ...quiet], seconds, name)
  }
})

for (const [urgent, growing, steady] of [
  [false, [2, 3, 6, 11, 31, 61, 121, 301], 301],
  [true, [2, 3, 6, 6], 6]
] as const) {
  const name = urgent ? 'five seconds while nothing else carries the link' : 'five minutes and never'
  test(`rounds: at once, then with a backoff that ends at ${name}`, () => {
    const search = new Search(true)
    search.restart(0)
    const begun: number[] = []
    for (let nowMs = 0; nowMs < 1_800_000; nowMs += 100) {
      search.ended(nowMs, urgent)
      if (search.due(nowMs) == null) continue
      begun.push(nowMs)
      search.began(nowMs, 0)
    }
    const gaps = begun.slice(1).map((ms, i) => Math.round((ms - begun[i]!) / 1_000))
    assert.deepEqual(gaps.slice(0, growing.length), growing)
    assert.ok(gaps.slice(growing.length).every(gap => gap === steady))
    search.restart(1_800_000)
    assert.equal(search.due(1_800_000), 'first')
  })
}

test('rounds: the other side is joined, but not more often than every three seconds', () => {
  const search = new Search(false)
  search.restart(0)
  search.began(0, 100)
  search.ended(1_100, false)
  search.join(1_200)
  assert.equal(search.due(1_200), undefined)
  search.join(3_000)
  assert.equal(search.due(3_000), 'later')
})

test('relays: needed at once when nothing else carries, unhurriedly when a direct path does', () => {
  const rows = [
    [{ pipes: 1, trusted: true, direct: false }, 'none'],
    [{ pipes: 1, trusted: false, direct: false }, 'urgent'],
    [{ pipes: 0, trusted: false, direct: false }, 'urgent'],
    [{ pipes: 0, trusted: false, direct: true }, 'spare'],
    [{ pipes: 1, trusted: false, direct: true }, 'none']
  ] as const
  for (const [facts, need] of rows) assert.equal(relayNeed(facts), need, JSON.stringify(facts))
  const wish = new RelayWish()
  const spare = { pipes: 0, trusted: false, direct: true }
  assert.deepEqual(wish.step(0, spare), [])
  assert.equal(wish.step(3_000, spare).length, 1)
  assert.equal(wish.step(3_100, { ...spare, direct: false }).length, 1, 'the direct path is gone too: at once')
  assert.deepEqual(wish.step(3_200, { pipes: 1, trusted: true, direct: false }), [])
  assert.equal(wish.wakeAtMs, Number.POSITIVE_INFINITY)
})

test('breaks: two in a row after about the same time make a rule, others do not', () => {
  const at = (...ages: readonly number[]) => {
    const breaks = new Breaks()
    let nowMs = 0
    breaks.began(nowMs)
    for (const ageMs of ages) {
      nowMs += ageMs
      breaks.broke(nowMs)
    }
    return [30_000, 50_000, 60_000, 70_000, 90_000].map(ageMs => breaks.isNear(nowMs + ageMs))
  }
  assert.deepEqual(at(60_000), [false, false, false, false, false])
  assert.deepEqual(at(60_000, 64_000), [false, false, true, true, false])
  assert.deepEqual(at(60_000, 30_000), [false, false, false, false, false])
  assert.deepEqual(at(60_000, 64_000, 20_000), [false, false, false, false, false])
  assert.deepEqual(at(600_000, 600_000), [false, false, false, false, false])
  // a doubt twice within a break is one break
  assert.deepEqual(at(60_000, 64_000, 500), [false, false, true, true, false])
})
