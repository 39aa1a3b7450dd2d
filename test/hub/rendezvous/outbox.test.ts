import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { RENDEZVOUS_LIMITS } from '../../../src/hub/rendezvous/index.ts'
import { Outbox } from '../../../src/hub/rendezvous/outbox.ts'
import { takeFrame } from '../../../src/libp2p/frames.ts'
import { rendezvousEventCodec } from '../../../src/wire/rendezvous.ts'
import { filled } from '../../wire/bytes.ts'

/** A stream that takes so many messages before it has to be waited for, and what it took. */
class Narrow {
  readonly sent: string[] = []
  writeStatus = 'writable'
  room: number
  #drain = Promise.withResolvers<void>()

  constructor(room: number) {
    this.room = room
  }

  send(frame: Uint8Array): boolean {
    const event = rendezvousEventCodec.decode(takeFrame(new Uint8ArrayList(frame), 'event')!)
    assert.ok(event.type !== 'UNKNOWN')
    this.sent.push(
      event.type === 'ANSWER' ? `ANSWER ${event.request}` : `${event.type} ${event.envelope?.[0] ?? 'gone'}`
    )
    return --this.room > 0
  }

  onDrain(): Promise<void> {
    return this.#drain.promise
  }

  async drain(room: number): Promise<void> {
    this.room = room
    const { resolve } = this.#drain
    this.#drain = Promise.withResolvers()
    resolve()
    await setImmediate()
  }

  async end(): Promise<void> {
    this.writeStatus = 'closed'
    const { reject } = this.#drain
    reject(new Error('reset'))
    await setImmediate()
  }
}

function start(room: number) {
  const stream = new Narrow(room)
  return { stream, outbox: new Outbox(stream as unknown as Stream) }
}

const answer = (request: number) => rendezvousEventCodec.encode({ type: 'ANSWER', request, status: 'OK' })
const news = (peer: number, record?: number) => ({
  peer: `peer ${peer}`,
  multihash: filled(2, peer),
  envelope: record == null ? undefined : filled(1, record)
})

test('what the stream takes goes out at once, in its order', () => {
  const { stream, outbox } = start(10)
  outbox.answer(answer(1))
  outbox.news(news(1, 1))
  outbox.call(filled(1, 9))
  outbox.news(news(1))
  assert.deepEqual(stream.sent, ['ANSWER 1', 'NEWS 1', 'CALLED 9', 'NEWS gone'])
})

test('what waits: answers first, then calls, then of each peer its newest record', async () => {
  const { stream, outbox } = start(1)
  outbox.answer(answer(1))
  for (let record = 1; record <= 200; record++) for (const peer of [1, 2]) outbox.news(news(peer, record))
  outbox.news(news(3, 7))
  outbox.news(news(3))
  outbox.call(filled(1, 9))
  outbox.answer(answer(2))
  assert.deepEqual(stream.sent, ['ANSWER 1'])
  await stream.drain(3)
  assert.deepEqual(stream.sent.slice(1), ['ANSWER 2', 'CALLED 9', 'NEWS 200'])
  await stream.drain(10)
  assert.deepEqual(stream.sent.slice(4), ['NEWS 200', 'NEWS gone'])
})

test('a peer that changes all the time keeps its place, and does not keep others out', async () => {
  const { stream, outbox } = start(1)
  outbox.answer(answer(1))
  for (const peer of [1, 2, 3]) outbox.news(news(peer, peer))
  outbox.news(news(1, 11))
  for (let i = 0; i < 3; i++) {
    await stream.drain(1)
    outbox.news(news(1, 20 + i))
  }
  assert.deepEqual(stream.sent.slice(1), ['NEWS 11', 'NEWS 2', 'NEWS 3'])
})

test('news of a peer that is watched no more do not go out', async () => {
  const { stream, outbox } = start(1)
  outbox.answer(answer(1))
  outbox.news(news(1, 1))
  outbox.forget('peer 1')
  await stream.drain(10)
  assert.deepEqual(stream.sent, ['ANSWER 1'])
})

test('calls that wait are bounded', async () => {
  const { stream, outbox } = start(1)
  outbox.answer(answer(1))
  for (let i = 0; i < 1_000; i++) outbox.call(filled(1, 1))
  await stream.drain(10_000)
  assert.equal(stream.sent.length, 1 + RENDEZVOUS_LIMITS.maxCalls)
})

test('news for all who watch are encoded once', () => {
  const one = news(1, 1)
  const all = Array.from({ length: 10 }, () => start(10))
  let reads = 0
  Object.defineProperty(one, 'envelope', { get: () => ++reads > 0 && filled(1, 1) })
  for (const { outbox } of all) outbox.news(one)
  for (const { stream } of all) assert.deepEqual(stream.sent, ['NEWS 1'])
  assert.equal(reads, 1)
})

test('a stream that ends while something waits: nobody waits for it, and nothing goes out', async () => {
  const { stream, outbox } = start(1)
  outbox.answer(answer(1))
  outbox.answer(answer(2))
  const drained = outbox.drained()
  await stream.end()
  await drained
  outbox.answer(answer(3))
  outbox.news(news(1, 1))
  assert.deepEqual(stream.sent, ['ANSWER 1'])
})
