import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import { CHECKS, Checks, type Reachability, type Verdict } from '../../../src/libp2p/autonat/checks.ts'

const A = '/ip4/11.0.0.7/udp/4001/quic-v1'
const B = '/ip4/11.0.0.8/udp/4001/quic-v1'
const C = '/ip6/2606:4700::7/udp/4001/quic-v1'

const rows: ReadonlyArray<readonly [string, Readonly<Record<string, Verdict>>, Reachability, Reachability]> = [
  ['nothing is known', {}, 'unknown', 'unknown'],
  ['one was reached', { [A]: 'reachable' }, 'public', 'unknown'],
  ['one of two was reached', { [A]: 'unreachable', [B]: 'reachable' }, 'public', 'unknown'],
  ['none was reached', { [A]: 'unreachable', [B]: 'unreachable' }, 'private', 'unknown'],
  ['one was not reached, of the other nobody told', { [A]: 'unreachable', [B]: 'unknown' }, 'unknown', 'unknown'],
  ['one family each', { [A]: 'unreachable', [C]: 'reachable' }, 'private', 'public']
]
for (const [what, verdicts, ip4, ip6] of rows) {
  test(`${what}: ip4 ${ip4}, ip6 ${ip6}`, () => {
    const checks = new Checks(seededRandom(1))
    checks.update(Object.keys(verdicts), 0)
    for (const [address, verdict] of Object.entries(verdicts)) checks.settle(address, verdict, 0)
    assert.deepEqual([checks.reachability('ip4'), checks.reachability('ip6')], [ip4, ip6])
  })
}

test('new candidates are due at once, in their order, and each once', () => {
  const checks = new Checks(seededRandom(1))
  checks.update([A, B, A], 0)
  assert.equal(checks.due(0), A)
  checks.settle(A, 'reachable', 0)
  assert.equal(checks.due(0), B)
  checks.settle(B, 'unreachable', 0)
  assert.equal(checks.due(0), undefined)
})

test('a verdict is renewed within the hour, and not in the first half of it', () => {
  for (const verdict of ['reachable', 'unreachable'] as const) {
    const checks = new Checks(seededRandom(2))
    checks.update([A], 1_000)
    checks.settle(A, verdict, 1_000)
    const dueMs = checks.nextMs()!
    assert.ok(dueMs >= 1_000 + CHECKS.holdsMs / 2 && dueMs <= 1_000 + CHECKS.holdsMs, `${dueMs}`)
    assert.equal(checks.due(dueMs - 1), undefined)
    assert.equal(checks.due(dueMs), A)
  }
})

test('no verdict is asked for again, at intervals that double up to the hour', () => {
  const checks = new Checks(seededRandom(3))
  checks.update([A], 0)
  for (let failures = 1; failures <= 20; failures++) {
    checks.settle(A, 'unknown', 0)
    const longestMs = Math.min(CHECKS.holdsMs, CHECKS.firstRetryMs * 2 ** (failures - 1))
    const dueMs = checks.nextMs()!
    assert.ok(dueMs >= Math.floor(longestMs / 2) && dueMs <= longestMs, `after ${failures}: ${dueMs}`)
  }
  checks.settle(A, 'reachable', 0)
  checks.settle(A, 'unknown', 0)
  assert.ok(checks.nextMs()! <= CHECKS.firstRetryMs, 'a verdict ends the doubling')
})

test('what was told holds while nobody tells otherwise', () => {
  const checks = new Checks(seededRandom(4))
  checks.update([A], 0)
  checks.settle(A, 'reachable', 0)
  checks.settle(A, 'unknown', 0)
  assert.equal(checks.reachability('ip4'), 'public')
  checks.settle(A, 'unreachable', 0)
  assert.equal(checks.reachability('ip4'), 'private')
})

test('candidates that are gone are forgotten, and those that were reachable are told', () => {
  const checks = new Checks(seededRandom(5))
  checks.update([A, B], 0)
  checks.settle(A, 'reachable', 0)
  checks.settle(B, 'unreachable', 0)
  assert.deepEqual(checks.update([C], 0), [A])
  assert.equal(checks.reachability('ip4'), 'unknown')
  assert.equal(checks.settle(A, 'reachable', 0), false)
  assert.equal(checks.due(0), C)
  assert.deepEqual(checks.update([], 0), [])
  assert.equal(checks.nextMs(), undefined)
})

test('of a long list the first are taken', () => {
  const checks = new Checks(seededRandom(6))
  const many = Array.from({ length: 20 }, (_, i) => `/ip4/11.0.0.${i}/udp/4001/quic-v1`)
  checks.update(many, 0)
  const asked: string[] = []
  for (let address = checks.due(0); address != null; address = checks.due(0)) {
    asked.push(address)
    checks.settle(address, 'unreachable', 0)
  }
  assert.deepEqual(asked, many.slice(0, CHECKS.maxAddresses))
})

test('news make an address due at once, also when they come while it is asked about', () => {
  const checks = new Checks(seededRandom(4))
  checks.update([A], 0)
  assert.equal(checks.due(0), A)
  checks.settle(A, 'unreachable', 0)
  checks.again(A, 10)
  assert.equal(checks.due(10), A)
  checks.again(A, 20)
  checks.settle(A, 'unreachable', 30)
  assert.equal(checks.due(30), A, 'the answer may be to how things were before')
  checks.settle(A, 'reachable', 40)
  assert.equal(checks.due(40), undefined)
  checks.again(B, 50)
  assert.equal(checks.due(50), undefined, 'nobody asks about what is no candidate')
})

test('of those that are due the most important comes first, also one that has just become a candidate', () => {
  const checks = new Checks(seededRandom(5))
  checks.update([A, B], 0)
  checks.update([C, A, B], 10)
  assert.equal(checks.due(10), C)
  checks.settle(C, 'unreachable', 10)
  assert.equal(checks.due(10), A)
  checks.settle(A, 'unreachable', 10)
  assert.equal(checks.due(10), B)
})
