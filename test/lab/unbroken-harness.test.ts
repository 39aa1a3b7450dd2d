import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ACK_BYTES, ack, BLOCKS, Blocks, type Fault, faultOfAck, Pieces } from '../../bench/links/blocks.ts'
import type { PeerEvent } from '../../bench/links/events.ts'
import { type Effect, effects } from '../../bench/links/figures.ts'
import { type Act, FIRST, round, type Step } from '../../bench/links/steps.ts'
import { seededRandom } from '../../src/core/random.ts'

describe('blocks', () => {
  const blocks = new Blocks(7)

  test('are the same for the same seed, and no two are alike', () => {
    assert.deepEqual(new Blocks(7).make(3), blocks.make(3))
    assert.equal(blocks.fault(blocks.make(3), 3), undefined)
    // far apart enough to begin at the same place of the noise
    const some = [0, 1, 2, 99_999, 100_000, 200_000].map(number => Buffer.from(blocks.make(number)).toString('latin1'))
    assert.equal(new Set(some).size, some.length)
  })

  const changed = (at: number) => {
    const bytes = blocks.make(5)
    bytes[at]! ^= 1
    return bytes
  }
  const faults: [string, Uint8Array, Fault][] = [
    ['a later one', blocks.make(6), 'lost'],
    ['an earlier one', blocks.make(4), 'doubled'],
    ['one of another stream', new Blocks(8).make(5), 'foreign'],
    ['another number', changed(3), 'corrupt'],
    ['another checksum', changed(7), 'corrupt'],
    ['another first byte', changed(8), 'corrupt'],
    ['another last byte', changed(BLOCKS.bytes - 1), 'corrupt'],
    ['shifted by a byte', Buffer.concat([blocks.make(5).subarray(1), blocks.make(6).subarray(0, 1)]), 'corrupt']
  ]
  for (const [what, bytes, fault] of faults) {
    test(`in place of block 5, ${what}: ${fault}`, () => assert.equal(blocks.fault(bytes, 5), fault))
  }

  test('acknowledgements are numbers in order', () => {
    assert.equal(ack(70_000).length, ACK_BYTES)
    assert.equal(faultOfAck(ack(70_000), 70_000), undefined)
    assert.equal(faultOfAck(ack(70_001), 70_000), 'lost')
    assert.equal(faultOfAck(ack(69_999), 70_000), 'doubled')
  })

  test('come out whole however the stream was cut', () => {
    const random = seededRandom(1)
    const all = Buffer.concat(Array.from({ length: 20 }, (_, number) => blocks.make(number)))
    const pieces = new Pieces(BLOCKS.bytes)
    const out: Uint8Array[] = []
    for (let at = 0; at < all.length; ) {
      const next = at + random.int(1, 3 * BLOCKS.bytes)
      out.push(...pieces.push(all.subarray(at, next)))
      at = next
    }
    assert.equal(out.length, 20)
    for (const [number, bytes] of out.entries()) assert.equal(blocks.fault(bytes, number), undefined)
  })
})

describe('the order of what happens', () => {
  const plans = Array.from({ length: 20 }, (_, seed) => round(seededRandom(seed)))

  test('is decided by the seed, and every group comes once', () => {
    assert.deepEqual(round(seededRandom(3)), plans[3])
    const names = plans.map(groups => groups.map(([first]) => first!.name.replace(/ at (alice|bob)'s NAT/, '')))
    assert.ok(new Set(names.map(String)).size > 15)
    for (const each of names) assert.deepEqual(each.toSorted(), names[0]!.toSorted())
  })

  test('after each group the network is whole again', () => {
    for (const groups of plans) {
      for (const group of groups) {
        const open = new Set<string>()
        for (const { act } of group) trouble(act, open)
        assert.deepEqual([...open], [], group[0]!.name)
        assert.equal(group.at(-1)!.path, 'direct')
      }
    }
  })
})

function trouble(act: Act, open: Set<string>): void {
  const toggle = (what: string, begins: boolean) => (begins ? open.add(what) : assert.ok(open.delete(what), what))
  if (act.do === 'block-udp') toggle(`UDP of ${act.of}`, act.block)
  else if (act.do === 'set-apart') toggle('apart', act.apart)
  else if (act.do === 'kill-hub' || act.do === 'start-hub') toggle('hub', act.do === 'kill-hub')
}

describe('what a step did to a stream', () => {
  const step = (name: string): Step => ({ ...FIRST, name })
  const marks = [
    { step: step('one'), atMs: 10_000, endMs: 19_900 },
    { step: step('two'), atMs: 20_000, endMs: 29_900 },
    { step: step('three'), atMs: 30_000, endMs: 39_900 }
  ]
  const blocks = [19_800, 29_800, 39_800].map(atMs => ({ event: 'blocks', atMs, count: 1 }) as const)
  const quiet = { stallMs: undefined, directMs: undefined, breaks: [], isDead: false }
  const rows: [string, PeerEvent[], PeerEvent[], Partial<Effect>[]][] = [
    ['nothing', [], blocks, [quiet, quiet, quiet]],
    [
      'the longest of its gaps, also of one that outlasts it',
      [],
      [
        ...blocks,
        { event: 'gap', fromMs: 10_500, ms: 60, block: 1 },
        { event: 'gap', fromMs: 12_000, ms: 300, block: 2 },
        { event: 'gap', fromMs: 19_995, ms: 700, block: 3 },
        { event: 'gap', fromMs: 25_000, ms: 6_000, block: 4 }
      ],
      [{ ...quiet, stallMs: 300 }, { ...quiet, stallMs: 6_000 }, quiet]
    ],
    [
      'the last change to a direct path',
      [
        { event: 'path', atMs: 20_100, kind: 'direct', transport: 'tcp', remote: 'a' },
        { event: 'path', atMs: 20_600, kind: 'direct', transport: 'quic', remote: 'b' },
        { event: 'path', atMs: 31_000, kind: 'relay', transport: 'quic', remote: 'c' }
      ],
      blocks,
      [quiet, { ...quiet, directMs: 600 }, quiet]
    ],
    [
      'an end, and silence after it',
      [{ event: 'broke', atMs: 21_000, error: 'reset', unacknowledged: 3 }],
      blocks.slice(0, 1),
      [quiet, { ...quiet, breaks: [{ ms: 1_000, error: 'reset' }], isDead: true }, { ...quiet, isDead: true }]
    ]
  ]
  for (const [name, sent, received, expected] of rows) {
    test(name, () => {
      const of =
        (events: readonly PeerEvent[]) =>
        <Name extends PeerEvent['event']>(name: Name) =>
          events.filter((event): event is Extract<PeerEvent, { event: Name }> => event.event === name)
      const all = effects({ sent: of(sent), received: of(received) }, marks)
      assert.deepEqual(
        all.map(({ stallMs, directMs, breaks, isDead }) => ({ stallMs, directMs, breaks, isDead })),
        expected
      )
    })
  }
})
