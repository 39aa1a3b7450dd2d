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
