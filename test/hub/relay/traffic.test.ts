import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { limitsOf, type RelayLimits } from '../../../src/hub/relay/limits.ts'
import { forward } from '../../../src/hub/relay/splice.ts'
import { Traffic } from '../../../src/hub/relay/traffic.ts'
import { Sink, Source } from './streams.ts'

const MB = 1_000_000
const CHUNK = 256 * 1024

function relay(limits: Partial<RelayLimits>) {
  const clock = new VirtualClock()
  const traffic = new Traffic(limitsOf(limits), clock)
  const circuit = (maker: string) => {
    const [from, to] = [new Source(), new Sink()]
    forward(from.stream, to.stream, traffic.toll(maker), clock)
    return { from, to }
  }
  return { clock, traffic, circuit }
}

/** Within what is passed at once, and a piece. */
function about(bytes: number, expected: number, slack: number, what = ''): void {
  assert.ok(bytes >= expected - slack && bytes <= expected + slack, `${what} ${bytes} bytes are not about ${expected}`)
}

describe('bandwidth, in virtual time', () => {
  const rows: ReadonlyArray<
    readonly [what: string, limits: Partial<RelayLimits>, makers: readonly string[], each: readonly number[]]
  > = [
    ['of one peer', { peerBytesPerSecond: MB }, ['alice'], [10 * MB]],
    ['of one peer with two connections', { peerBytesPerSecond: MB }, ['alice', 'alice'], [5 * MB, 5 * MB]],
    ['of two peers', { peerBytesPerSecond: MB }, ['alice', 'bob'], [10 * MB, 10 * MB]],
    ['in all', { bytesPerSecond: MB }, ['alice', 'bob', 'carol', 'carol'], [2.5 * MB, 2.5 * MB, 2.5 * MB, 2.5 * MB]],
    ['a slow one', { bytesPerSecond: 10_000 }, ['alice'], [100_000]],
    [
      'of one peer, and in all',
      { bytesPerSecond: 3 * MB, peerBytesPerSecond: MB },
      ['alice', 'bob'],
      [10 * MB, 10 * MB]
    ]
  ]
  for (const [what, limits, makers, each] of rows) {
    it(what, async () => {
      const { clock, circuit } = relay(limits)
      const circuits = makers.map(circuit)
      for (const { from } of circuits) from.pushForEver(CHUNK)
      await clock.advance(10_000)
      for (const [index, { to }] of circuits.entries()) about(to.received, each[index]!, 4 * 64 * 1024, `${index}:`)
      assert.ok(clock.pending <= makers.length, 'one timer each')
    })
  }

  it('comes in pieces, not in gushes: each second brings what it may', async () => {
    const { clock, circuit } = relay({ peerBytesPerSecond: 100_000 })
    const { from, to } = circuit('alice')
    from.pushForEver(CHUNK)
    await clock.advance(1_000)
    for (let second = 1; second < 10; second++) {
      const before = to.received
      await clock.advance(1_000)
      about(to.received - before, 100_000, 10_000)
    }
    assert.ok(Math.max(...to.pieces) <= 5_000, `a piece of ${Math.max(...to.pieces)} bytes`)
  })

  it('what was not used is not saved up', async () => {
    const { clock, circuit } = relay({ peerBytesPerSecond: MB })
    const { from, to } = circuit('alice')
    await clock.advance(60_000)
    from.pushForEver(CHUNK)
    await clock.advance(1_000)
    about(to.received, MB, 200_000)
  })

  it('nothing is read that may not pass, and every byte comes in order', async () => {
    const { clock, circuit } = relay({ bytesPerSecond: 100_000 })
    const { from, to } = circuit('alice')
    const sent = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) & 0xff)
    for (let at = 0; at < sent.length; at += 50_000) from.push(sent.subarray(at, at + 50_000))
    assert.equal(from.readStatus, 'paused')
    assert.equal(from.waiting, 250_000)
    from.end()
    await clock.advance(2_000)
    assert.equal(to.closed, false)
    await clock.advance(2_000)
    assert.deepEqual(Buffer.compare(to.bytes, sent), 0)
    assert.equal(to.closed, true)
    assert.equal(clock.pending, 0)
  })

  it('without limits everything goes at once, in the pieces in which it came', () => {
    const { clock, circuit } = relay({})
    const { from, to } = circuit('alice')
    for (const bytes of [1, 300_000, 2]) from.push(new Uint8Array(bytes))
    assert.deepEqual(to.pieces, [1, 300_000, 2])
    assert.equal(clock.pending, 0)
  })

  it('a limit that changes counts for what runs', async () => {
    const { clock, circuit, traffic } = relay({ bytesPerSecond: 100_000 })
    const { from, to } = circuit('alice')
    from.pushForEver(CHUNK)
    await clock.advance(10_000)
    const before = to.received
    traffic.change(limitsOf({ bytesPerSecond: MB }))
    await clock.advance(10_000)
    about(to.received - before, 10 * MB, 300_000)
  })
})

describe('a stream that is full', () => {
  it('is given no more until it has room, limit or not', async () => {
    for (const limits of [{}, { bytesPerSecond: MB }]) {
      const { clock, circuit } = relay(limits)
      const { from, to } = circuit('alice')
      to.isFull = true
      from.push(new Uint8Array(1_000))
      from.push(new Uint8Array(1_000))
      await clock.advance(1_000)
      assert.deepEqual([to.received, from.readStatus], [1_000, 'paused'])
      to.drain()
      await clock.advance(1_000)
      assert.deepEqual([to.received, from.readStatus], [2_000, 'readable'])
    }
  })

  it('and is gone: what waits for it is dropped, and no timer stays', async () => {
    const { clock, circuit } = relay({ bytesPerSecond: 10_000 })
    const { from, to } = circuit('alice')
    from.push(new Uint8Array(100_000))
    assert.equal(clock.pending, 1)
    to.abort(new Error('gone'))
    assert.deepEqual([clock.pending, from.readStatus], [0, 'readable'])
  })
})

describe('bytes', () => {
  it('of one relayed connection, each way by itself: beyond them both ends are over', () => {
    const { circuit } = relay({ circuitBytes: 1_000 })
    const [out, back] = [circuit('alice'), circuit('alice')]
    out.from.push(new Uint8Array(1_000))
    back.from.push(new Uint8Array(1_000))
    assert.equal(out.from.aborted, undefined)
    out.from.push(new Uint8Array(1))
    assert.match(String(out.from.aborted), /1000 bytes each way/)
    assert.match(String(out.to.aborted), /1000 bytes each way/)
    assert.deepEqual([out.to.received, back.to.aborted], [1_000, undefined])
  })

  it('of one peer and day: those that it has made end, it makes no more, and the next day it may', async () => {
    const { clock, circuit, traffic } = relay({ peerBytesPerDay: MB })
    const [alice, bob] = [circuit('alice'), circuit('bob')]
    alice.from.push(new Uint8Array(MB))
    assert.match(String(traffic.refusal('alice')), /1000000 bytes a day.*yours are used up/)
    alice.from.push(new Uint8Array(1))
    assert.equal((alice.from.aborted as { code?: string } | undefined)?.code, 'LIMIT')
    bob.from.push(new Uint8Array(1))
    assert.deepEqual([bob.from.aborted, traffic.refusal('bob')], [undefined, undefined])
    // other limits that change give nothing back
    traffic.change(limitsOf({ peerBytesPerDay: MB, maxCircuits: 5 }))
    assert.notEqual(traffic.refusal('alice'), undefined)
    await clock.advance(12 * 3_600_000)
    const again = circuit('alice')
    again.from.push(new Uint8Array(MB / 2 - 10))
    assert.equal(again.from.aborted, undefined)
    again.from.push(new Uint8Array(100))
    assert.match(String(again.from.aborted), /used up/)
  })
})
