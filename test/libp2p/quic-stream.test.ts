import assert from 'node:assert/strict'
import test from 'node:test'
import { defaultLogger } from '@libp2p/logger'
import { QuicStream } from '../../src/libp2p/quic/stream.ts'

test('an idle stream waits with a small read, one that carries much with large ones', async () => {
  const asked: number[] = []
  /** What comes: less than was asked for, or all of it. */
  const coming = [32, 'all', 'all', 'all', 10_000, 32] as const
  const idle = Promise.withResolvers<void>()
  const over = Promise.withResolvers<null>()
  const stream = new QuicStream({
    stream: {
      id: () => '0',
      read: async bytes => {
        asked.push(bytes)
        const next = coming[asked.length - 1]
        if (next != null) return new Uint8Array(next === 'all' ? bytes : next)
        idle.resolve()
        return await over.promise
      },
      write: async () => {},
      finishWrite: async () => {},
      resetWrite: async () => {},
      stopRead: async () => {}
    },
    direction: 'inbound',
    log: defaultLogger().forComponent('test')
  })
  stream.addEventListener('message', () => {})
  await idle.promise
  assert.deepEqual(asked, [4_096, 4_096, 32_768, 262_144, 262_144, 262_144, 4_096])
  over.resolve(null)
  stream.abort(new Error('over'))
})

/** A stream whose other side sends this much and ends, and that has been closed here before anybody reads it. */
async function closedUnread(end: () => Promise<null>): Promise<QuicStream> {
  let reads = 0
  const stream = new QuicStream({
    stream: {
      id: () => '0',
      read: async () => (reads++ === 0 ? Uint8Array.of(1, 2, 3) : await end()),
      write: async () => {},
      finishWrite: async () => {},
      resetWrite: async () => {},
      stopRead: async () => {}
    },
    direction: 'outbound',
    log: defaultLogger().forComponent('test')
  })
  const over = new Promise<void>(resolve => stream.addEventListener('close', () => resolve()))
  await stream.close()
  await over
  return stream
}

async function read(stream: QuicStream): Promise<number[]> {
  const chunks: number[] = []
  for await (const chunk of stream) chunks.push(...chunk.subarray())
  return chunks
}

test('what came before both ends were closed is there for who reads it later, and then the end', async () => {
  const stream = await closedUnread(async () => null)
  assert.deepEqual(await read(stream), [1, 2, 3])
  assert.deepEqual(await read(stream), [])
})

test('who reads a stream later that was reset is told so, behind what had come', async () => {
  const stream = await closedUnread(() => Promise.reject(new Error('stream reset by peer')))
  await assert.rejects(read(stream), { name: 'StreamResetError' })
})
