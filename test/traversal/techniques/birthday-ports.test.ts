import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import { portsToTry } from '../../../src/traversal/techniques/birthday-ports.ts'

function take(count: number, seen: readonly number[], seed = 1): number[] {
  return firstOf(count, portsToTry(seen, seededRandom(seed)))
}

function firstOf(count: number, ports: Iterable<number>): number[] {
  const first: number[] = []
  for (const port of ports) {
    if (first.length === count) break
    first.push(port)
  }
  return first
}

for (const seen of [[], [30_000], [1_024, 65_535], [40_000, 40_100, 50_000], [80, 70_000, 5_000]]) {
  test(`every port from 1,024 is tried once, having seen ${seen.join(', ') || 'none'}`, () => {
    const ports = take(100_000, seen)
    assert.equal(ports.length, 64_512)
    assert.equal(new Set(ports).size, 64_512)
    assert.ok(ports.every(port => port >= 1_024 && port <= 65_535))
  })
}

test('a block is tried before all else', () => {
  const ports = take(1_024, [40_000, 40_300, 40_511])
  assert.deepEqual([Math.min(...ports), Math.max(...ports)], [39_744, 40_767])
})

test('two blocks are, and then what lies between them', () => {
  const ports = take(3_000, [40_000, 40_100, 60_000])
  const near = ports.slice(0, 613 + 513)
  assert.ok(near.every(port => (port >= 39_744 && port <= 40_356) || (port >= 59_744 && port <= 60_256)))
  assert.ok(ports.slice(near.length).every(port => port > 40_356 && port < 59_744))
})

test('the order is another one each time, and the same for the same seed', () => {
  assert.notDeepEqual(take(20, [], 1), take(20, [], 2))
  assert.deepEqual(take(20, [], 1), take(20, [], 1))
})

test('of ports all over the range, those that are tried first are no worse than others', () => {
  // 256 mappings at random: so many of the first 2,048 are met
  const random = seededRandom(5)
  let met = 0
  for (let run = 0; run < 100; run++) {
    const open = new Set(Array.from({ length: 264 }, () => random.int(1_024, 65_535)))
    const seen = [...open].slice(0, 8)
    for (const port of seen) open.delete(port)
    met += firstOf(2_048, portsToTry(seen, random)).filter(port => open.has(port)).length
  }
  // 8.1 in each run
  assert.ok(met > 700 && met < 920, `${met}`)
})
