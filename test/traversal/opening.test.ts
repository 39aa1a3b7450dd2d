import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Allowance } from '../../src/core/allowance.ts'
import { VirtualClock } from '../../src/core/clock.ts'
import { type Datagram, type DatagramNet, drive } from '../../src/core/machine.ts'
import { seededRandom } from '../../src/core/random.ts'
import { OPENING, OPENING_ALLOWANCE, type OpeningEvent, OpeningMachine } from '../../src/traversal/opening.ts'

const host = (n: number, port = 4001) => ({ address: `11.0.0.${n}`, port })

interface Sent extends Datagram {
  readonly atMs: number
}

function setUp(
  targets: Array<{ address: string; port: number }>,
  allowance = new Allowance(OPENING_ALLOWANCE),
  seed = 1
) {
  const clock = new VirtualClock()
  const sent: Sent[] = []
  const events: OpeningEvent[] = []
  const net: DatagramNet = {
    send: datagram => sent.push({ ...datagram, atMs: clock.now() }),
    onPacket: () => () => {}
  }
  const machine = new OpeningMachine({ targets, random: seededRandom(seed), allowance })
  const driven = drive(machine, net, clock, event => events.push(event))
  return { clock, sent, events, driven }
}

test('one address: exactly five packets, the first at once, then 10 to 200 ms apart', async () => {
  const { clock, sent, events, driven } = setUp([host(1)])
  assert.equal(sent.length, 1)
  await clock.advance(OPENING.windowMs)
  assert.equal(sent.length, 5)
  const gaps = sent.slice(1).map((packet, i) => packet.atMs - sent[i]!.atMs)
  assert.ok(
    gaps.every(gap => gap >= 10 && gap <= 200),
    String(gaps)
  )
  assert.ok(new Set(gaps).size > 1)
  assert.deepEqual(events, [{ type: 'finished', packets: 5 }])
  await driven.ended
  assert.equal(clock.pending, 0)
})

test('eight hosts get forty packets; sixteen get forty-eight, the total of a round', async () => {
  for (const [hosts, packets] of [
    [8, 40],
    [16, 48]
  ] as const) {
    const { clock, sent } = setUp(Array.from({ length: hosts }, (_, i) => host(i + 1)))
    await clock.advance(OPENING.windowMs)
    assert.equal(sent.length, packets)
    assert.equal(new Set(sent.map(({ to }) => to.address)).size, hosts)
  }
})

test('three ports of one host share ten packets', async () => {
  const { clock, sent } = setUp([host(1, 1), host(1, 2), host(1, 3)])
  await clock.advance(OPENING.windowMs)
  assert.equal(sent.length, 10)
})

test('a silent host gets ten packets over all rounds and peers, and one more each five seconds', async () => {
  const allowance = new Allowance(OPENING_ALLOWANCE)
  let packets = 0
  for (let round = 0; round < 20; round++) {
    const { clock, sent } = setUp([host(1, 4001 + round)], allowance, round)
    await clock.advance(OPENING.windowMs)
    packets += sent.length
  }
  assert.equal(packets, 10)
  const clock = new VirtualClock()
  assert.ok(!allowance.take('11.0.0.1', clock.now()))
  assert.ok(allowance.take('11.0.0.1', clock.now() + 7_000))
})

test('cancelled after 30 ms: no packet after that, no timer left', async () => {
  const { clock, sent, events, driven } = setUp([host(1), host(2)])
  await clock.advance(30)
  driven.cancel()
  const before = sent.length
  await clock.advance(OPENING.windowMs)
  assert.equal(sent.length, before)
  assert.deepEqual(events, [{ type: 'finished', packets: before }])
  assert.equal(clock.pending, 0)
})

test('no targets: done at once, nothing sent', async () => {
  const { clock, sent, events } = setUp([])
  assert.equal(sent.length, 0)
  assert.deepEqual(events, [{ type: 'finished', packets: 0 }])
  assert.equal(clock.pending, 0)
})

test('packets are short, vary in length, and look like neither STUN nor QUIC', () => {
  const lengths = new Set<number>()
  fc.assert(
    fc.property(fc.nat(), seed => {
      const { sent, driven } = setUp([host(1)], undefined, seed)
      driven.cancel()
      const { bytes } = sent[0]!
      lengths.add(bytes.length)
      assert.ok(bytes.length >= 9 && bytes.length <= 20)
      // 0-3 STUN, 16-19 ZRTP, 20-63 DTLS, 64-79 TURN, 64-255 QUIC (RFC 9443)
      assert.ok(bytes[0]! >= 4 && bytes[0]! <= 15)
      assert.notEqual(bytes[4], 0x21)
    }),
    { numRuns: 500 }
  )
  assert.ok(lengths.size > 8)
})
