import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Candidate,
  type CandidateRules,
  type DropCause,
  filterCandidates
} from '../../src/traversal/candidates.ts'

const candidate = (text: string): Candidate => {
  const at = text.lastIndexOf(':')
  return { address: text.slice(0, at), port: Number(text.slice(at + 1)), technique: 'punch-quic' }
}
const rules: CandidateRules = {
  own: [candidate('11.0.0.1:4001')],
  relays: [candidate('11.0.0.254:4001')],
  allowPrivate: false
}
const show = ({ address, port }: Candidate) => `${address}:${port}`

const single: ReadonlyArray<readonly [string, DropCause | 'usable']> = [
  ['11.0.0.2:4001', 'usable'],
  ['2606:4700::1:4001', 'usable'],
  ['11.0.0.254:4002', 'usable'],
  ['11.0.0.1:4002', 'usable'],
  ['11.0.0.2:0', 'port-zero'],
  ['11.0.0.2:65536', 'port-zero'],
  ['11.0.0.1:4001', 'own'],
  ['11.0.0.254:4001', 'relay'],
  ['127.0.0.1:4001', 'not-public'],
  ['::1:4001', 'not-public'],
  ['10.0.0.1:4001', 'not-public'],
  ['192.168.1.1:4001', 'not-public'],
  ['100.64.0.9:4001', 'not-public'],
  ['169.254.1.1:4001', 'not-public'],
  ['fe80::1:4001', 'not-public'],
  ['fd00::1:4001', 'not-public'],
  ['224.0.0.251:5353', 'not-public'],
  ['255.255.255.255:9', 'not-public'],
  ['0.0.0.0:4001', 'not-public'],
  [':::4001', 'not-public'],
  ['::ffff:127.0.0.1:4001', 'not-public'],
  ['64:ff9b::7f00:1:4001', 'not-public'],
  ['hub.example:4001', 'not-public']
]
for (const [text, expected] of single) {
  test(`${text}: ${expected}`, () => {
    const { usable, dropped } = filterCandidates([candidate(text)], rules)
    assert.equal(usable.length === 1 ? 'usable' : [...dropped.keys()][0], expected)
  })
}

const lists: ReadonlyArray<readonly [string, string[], string[], Partial<CandidateRules>?]> = [
  ['duplicates once', ['11.0.0.2:1', '11.0.0.2:1', '11.0.0.3:1'], ['11.0.0.2:1', '11.0.0.3:1']],
  [
    'three ports of one host',
    ['11.0.0.2:1', '11.0.0.2:2', '11.0.0.2:3', '11.0.0.2:4'],
    ['11.0.0.2:1', '11.0.0.2:2', '11.0.0.2:3']
  ],
  ['private alone', ['192.168.1.7:4001'], []],
  ['private behind another NAT', ['192.168.1.7:4001', '11.0.0.2:9'], ['11.0.0.2:9']],
  ['private behind our NAT', ['192.168.1.7:4001', '11.0.0.1:9'], ['11.0.0.1:9', '192.168.1.7:4001']],
  ['private behind our NAT, told afterwards', ['11.0.0.1:9', '10.0.0.7:4001'], ['11.0.0.1:9', '10.0.0.7:4001']],
  ['loopback never, even behind our NAT', ['127.0.0.1:4001', '11.0.0.1:9'], ['11.0.0.1:9']],
  [
    'private and loopback when allowed',
    ['127.0.0.1:1', '10.0.0.1:1'],
    ['127.0.0.1:1', '10.0.0.1:1'],
    { allowPrivate: true }
  ],
  ['link-local and multicast never', ['169.254.0.1:1', '224.0.0.1:1'], [], { allowPrivate: true }]
]
for (const [what, given, expected, override] of lists) {
  test(what, () => {
    assert.deepEqual(filterCandidates(given.map(candidate), { ...rules, ...override }).usable.map(show), expected)
  })
}

test('addresses that cannot be punched are counted', () => {
  const { usable, dropped } = filterCandidates([undefined, candidate('11.0.0.2:1'), undefined], rules)
  assert.equal(usable.length, 1)
  assert.equal(dropped.get('not-punchable'), 2)
})

test('the first sixteen of ten thousand, the rest unread', () => {
  let read = 0
  const many = function* () {
    for (let i = 0; i < 10_000; i++) {
      read++
      yield candidate(`11.1.${i >> 8}.${i & 255}:4001`)
    }
  }
  assert.equal(filterCandidates(many(), rules).usable.length, 16)
  assert.equal(read, 17)
})

test('ten thousand useless ones are read once, in linear time, and no more than that', () => {
  let read = 0
  const endless = function* () {
    for (;;) {
      read++
      yield candidate(`10.${read >> 16}.${(read >> 8) & 255}.${read & 255}:4001`)
    }
  }
  const startMs = performance.now()
  assert.equal(filterCandidates(endless(), rules).usable.length, 0)
  assert.ok(performance.now() - startMs < 1_000)
  assert.equal(read, 10_001)
})
