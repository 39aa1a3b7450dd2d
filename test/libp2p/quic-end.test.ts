import assert from 'node:assert/strict'
import test from 'node:test'
import type { MultiaddrConnection, Stream } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { byteStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../src/core/errors.ts'
import { QuicConnection } from '../../src/libp2p/quic/connection.ts'
import type { EngineConnection, EngineStream } from '../../src/libp2p/quic/engine.ts'
import { quicMuxer } from '../../src/libp2p/quic/muxer.ts'

const never = () => new Promise<never>(() => {})

/** A connection whose streams carry nothing, until it ends. */
function connected() {
  const closed = Promise.withResolvers<void>()
  let over = false
  const stream: EngineStream = {
    id: () => '0',
    read: never,
    write: never,
    finishWrite: async () => {},
    resetWrite: async () => {},
    stopRead: async () => {}
  }
  const connection: EngineConnection = {
    inboundStream: never,
    outboundStream: async () => {
      if (over) throw new Error('connection lost')
      return stream
    },
    abort: () => {},
    id: () => '0',
    remoteMultiaddr: () => '/ip4/127.0.0.1/udp/1/quic-v1',
    closed: () => closed.promise
  }
  const logger = defaultLogger()
  const remoteAddr = multiaddr('/ip4/192.0.2.1/udp/1/quic-v1')
  const maConn = new QuicConnection({ connection, remoteAddr, direction: 'outbound', log: logger.forComponent('test') })
  const muxer = quicMuxer(connection, logger).createStreamMuxer(maConn as unknown as MultiaddrConnection)
  const end = () => {
    over = true
    closed.resolve()
  }
  return { maConn, muxer, end }
}

const ROWS: readonly [what: string, end: (over: ReturnType<typeof connected>) => void, message: RegExp][] = [
  ['has ended', ({ end }) => end(), /the other side closed it, or nothing came/],
  [
    'we have ended',
    ({ maConn }) => maConn.abort(new NatError('LINK_CLOSED', 'nothing came for 60 s')),
    /^nothing came for 60 s$/
  ]
]
for (const [what, end, message] of ROWS) {
  test(`who waits for a stream of a connection that ${what} is told with a code and a reason`, async () => {
    const it = connected()
    const stream = (await it.muxer.createStream()) as Stream
    const reading = byteStream(stream).read({ bytes: 1 })
    end(it)
    await assert.rejects(reading, { name: 'NatError', code: 'LINK_CLOSED', message })
  })
}

test('who opens a stream of a connection that has just ended is told, too', async () => {
  const { muxer, end } = connected()
  end()
  await assert.rejects(async () => await muxer.createStream(), { code: 'LINK_CLOSED', message: /connection lost/ })
})
