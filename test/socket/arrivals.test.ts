import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ARRIVALS, Arrivals, END_OF_FLIGHT, isEndOfFlight, type UnderWay } from '../../src/socket/arrivals.ts'

const texts = (datagrams: readonly Uint8Array[]) => datagrams.map(each => Buffer.from(each).toString())

function setUp() {
  const flow = { id: 1, underWay: undefined as UnderWay | undefined }
  const arrivals = new Arrivals<typeof flow>()
  const delivered: string[] = []
  const take = (text: string, nowMs: number) => delivered.push(...texts(arrivals.take(flow, Buffer.from(text), nowMs)))
  const tick = (nowMs: number) => arrivals.tick(nowMs, (_, waited) => delivered.push(...texts(waited)))
  return { flow, arrivals, delivered, take, tick }
}

describe('what comes by a faster path than what is under way in a pipe', () => {
  it('is told where the flight in the pipe ends, and waits for that', () => {
    const { flow, arrivals, delivered, take, tick } = setUp()
    arrivals.byPipe(flow, 7, 0)
    take('a', 10)
    take('b', 20)
    assert.equal(tick(20), 10 + ARRIVALS.waitMs)
    assert.equal(delivered.length, 0)
    assert.deepEqual(texts(arrivals.ended(flow, 8)), [], 'another pipe')
    delivered.push(...texts(arrivals.ended(flow, 7)))
    take('c', 30)
    assert.deepEqual(delivered, ['a', 'b', 'c'])
    assert.equal(tick(1_000), Number.POSITIVE_INFINITY)
  })

  it('waits no longer than it may', () => {
    const { flow, arrivals, delivered, take, tick } = setUp()
    arrivals.byPipe(flow, 7, 0)
    take('a', 10)
    tick(9 + ARRIVALS.waitMs)
    assert.equal(delivered.length, 0)
    tick(10 + ARRIVALS.waitMs)
    take('b', 11 + ARRIVALS.waitMs)
    assert.deepEqual(delivered, ['a', 'b'])
  })

  it('does not wait where the pipe has been quiet, or has ended', () => {
    const { flow, arrivals, delivered, take } = setUp()
    take('a', 0)
    arrivals.byPipe(flow, 7, 0)
    take('b', ARRIVALS.waitMs + 1)
    arrivals.byPipe(flow, 7, 1_000)
    arrivals.ended(flow, 7)
    take('c', 1_000)
    assert.deepEqual(delivered, ['a', 'b', 'c'])
  })

  it('leaves in order when there are too many', () => {
    const { flow, arrivals, delivered, take, tick } = setUp()
    arrivals.byPipe(flow, 7, 0)
    const all = Array.from({ length: ARRIVALS.max + 2 }, (_, i) => `${i}`)
    for (const each of all) take(each, 1)
    assert.deepEqual(delivered, all)
    assert.equal(tick(1_000), Number.POSITIVE_INFINITY)
  })

  it('is forgotten with its flow', () => {
    const { flow, arrivals, delivered, take, tick } = setUp()
    arrivals.byPipe(flow, 7, 0)
    take('a', 1)
    arrivals.close(flow)
    assert.equal(tick(1_000), Number.POSITIVE_INFINITY)
    assert.equal(delivered.length, 0)
  })
})

it('the end of a flight is nothing that QUIC or STUN send', () => {
  assert.equal(isEndOfFlight(END_OF_FLIGHT), true)
  for (const bytes of [[], [1], [0, 0], [0x40]]) assert.equal(isEndOfFlight(Uint8Array.from(bytes)), false)
})
