import assert from 'node:assert/strict'
import test from 'node:test'
import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { NatError } from '../../src/core/errors.ts'
import { encodeFrame } from '../../src/libp2p/frames.ts'
import { isOptimistic, multistreamAnswer, multistreamLines, optimistic } from '../../src/libp2p/optimistic.ts'

const ECHO = '/test/echo/1.0.0'
const line = (text: string) => encodeFrame(Buffer.from(`${text}\n`))
const accepted = multistreamLines(ECHO)

/** Collects what a stream brings, and resolves when there is so much of it. */
function collect(stream: Stream): (bytes: number) => Promise<string> {
  let text = ''
  let check = () => {}
  stream.addEventListener('message', ({ data }) => {
    text += Buffer.from(data.subarray()).toString()
    check()
  })
  return bytes =>
    new Promise((resolve, reject) => {
      stream.addEventListener('close', () => reject(new Error('the stream closed')))
      check = () => {
        if (text.length >= bytes) resolve(text)
      }
      check()
    })
}

const ended = (stream: Stream): Promise<Error | undefined> =>
  new Promise(resolve => stream.addEventListener('close', ({ error }) => resolve(error)))

test('the lines leave at once, with what is sent before any answer behind them', async () => {
  const [near, far] = await streamPair()
  const received = collect(far)
  optimistic(near, ECHO).send(Buffer.from('hello'))
  assert.equal(near.protocol, ECHO)
  const expected = `${Buffer.from(accepted)}hello`
  assert.equal(await received(expected.length), expected)
})

for (const chunk of [1, 2, 7, 1_000]) {
  test(`an answer in chunks of ${chunk}, with data behind it: only the data is seen, once and in order`, async () => {
    const [near, far] = await streamPair()
    const received = collect(optimistic(near, ECHO))
    const bytes = Buffer.concat([accepted, Buffer.from('first')])
    for (let at = 0; at < bytes.length; at += chunk) far.send(bytes.subarray(at, at + chunk))
    assert.equal(await received(5), 'first')
    far.send(Buffer.from(' second'))
    assert.equal(await received(12), 'first second')
  })
}

test('data that came before anybody listened waits for the listener', async () => {
  const [near, far] = await streamPair()
  optimistic(near, ECHO)
  far.send(Buffer.concat([accepted, Buffer.from('early')]))
  while (near.readBufferLength < 5) await new Promise(resolve => setImmediate(resolve))
  assert.equal(await collect(near)(5), 'early')
})

const refusals: ReadonlyArray<readonly [what: string, answer: Uint8Array, code: string, message: RegExp]> = [
  ['na', Buffer.concat([line('/multistream/1.0.0'), line('na')]), 'UNSUPPORTED', /does not speak it/],
  ['another protocol', multistreamLines('/test/other'), 'UNSUPPORTED', /something else/],
  ['no multistream', line('HTTP/1.1 400 Bad Request'), 'UNSUPPORTED', /something else/],
  ['garbage with a long length', Buffer.alloc(2_000, 0xff), 'MALFORMED', /limit/]
]
for (const [what, answer, code, message] of refusals) {
  test(`the answer is ${what}: the stream ends with ${code}, and nobody sees the bytes`, async () => {
    const [near, far] = await streamPair()
    const end = ended(near)
    near.addEventListener('message', () => assert.fail('the answer was taken for data'))
    optimistic(near, ECHO)
    far.send(Buffer.concat([answer, Buffer.from('more')]))
    const error = await end
    assert.ok(error instanceof NatError)
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.equal(near.status, 'aborted')
  })
}

test('a reset before the answer is a reset', async () => {
  const [near, far] = await streamPair()
  const end = ended(near)
  optimistic(near, ECHO)
  far.abort(new Error('no'))
  assert.equal((await end)?.name, 'StreamResetError')
})

test('our half ends only when the answer is there', async () => {
  const [near, far] = await streamPair()
  let remoteEnded = false
  far.addEventListener('remoteCloseWrite', () => {
    remoteEnded = true
  })
  const received = collect(far)
  optimistic(near, ECHO).send(Buffer.from('all'))
  const closing = near.close()
  await received(accepted.length + 3)
  assert.equal(remoteEnded, false)
  far.send(accepted)
  await closing
  while (!remoteEnded) await new Promise(resolve => setImmediate(resolve))
})

test('closing a stream that is reset before the answer ends too', async () => {
  const [near, far] = await streamPair()
  optimistic(near, ECHO)
  const closing = near.close().catch(() => {})
  far.abort(new Error('no'))
  await closing
  assert.notEqual(near.status, 'open')
})

test('any bytes are the answer, wait for more, or are UNSUPPORTED or MALFORMED', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(accepted.length), (bytes, kept) => {
      const list = new Uint8ArrayList(accepted.subarray(0, kept), bytes)
      try {
        assert.equal(typeof multistreamAnswer(ECHO)(list), 'boolean')
      } catch (error) {
        assert.ok(error instanceof NatError && ['UNSUPPORTED', 'MALFORMED'].includes(error.code), String(error))
      }
    }),
    { numRuns: 1_000 }
  )
})

test('all protocols but ping are negotiated optimistically, and ping too when it is asked for', () => {
  assert.equal(isOptimistic(ECHO, {}), true)
  assert.equal(isOptimistic(undefined, {}), false)
  assert.equal(isOptimistic('/ipfs/ping/1.0.0', {}), false)
  assert.equal(isOptimistic('/ipfs/ping/1.0.0', { eager: true }), true)
})
