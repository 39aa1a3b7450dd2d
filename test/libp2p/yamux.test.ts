import assert from 'node:assert/strict'
import { it } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import type { Stream } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { tcp } from '@libp2p/tcp'
import { AbstractStream, byteStream, multiaddrConnectionPair } from '@libp2p/utils'
import { createLibp2p } from 'libp2p'
import { yamux } from '../../src/libp2p/yamux.ts'

const SINK = '/test/sink/1.0.0'
const ECHO = '/test/echo/1.0.0'
const CHUNK = new Uint8Array(256 * 1024)
const CHUNKS = 64

function node(listen: string[]) {
  return createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false }
  })
}

it('a reader that stops slows the sender down, and loses nothing, when the window has grown', {
  timeout: 60_000
}, async () => {
  const receiver = await node(['/ip4/127.0.0.1/tcp/0'])
  const sender = await node([])
  try {
    const opened = Promise.withResolvers<Stream>()
    let bytes = 0
    let wanted = Number.POSITIVE_INFINITY
    let arrived = () => {}
    await receiver.handle(SINK, stream => {
      stream.addEventListener('message', ({ data }) => {
        bytes += data.byteLength
        if (bytes >= wanted) arrived()
      })
      stream.addEventListener('close', ({ error }) => opened.reject(error))
      opened.resolve(stream)
    })
    await receiver.handle(ECHO, stream => stream.addEventListener('message', ({ data }) => stream.send(data)))
    const whenArrived = (total: number) =>
      new Promise<void>(resolve => {
        wanted = total
        arrived = resolve
        if (bytes >= total) resolve()
      })

    const connection = await sender.dial(receiver.getMultiaddrs())
    const outgoing = await connection.newStream(SINK)
    const echo = byteStream(await connection.newStream(ECHO))
    for (let i = 0; i < CHUNKS; i++) outgoing.send(CHUNK)
    await whenArrived(CHUNKS * CHUNK.length)

    const incoming = await opened.promise
    assert.ok(incoming instanceof AbstractStream)
    incoming.pause()
    for (let i = 0; i < CHUNKS; i++) outgoing.send(CHUNK)
    // frames come in order, so that what the window lets through is there before the last echo
    for (let i = 0; i < CHUNKS; i++) {
      await echo.write(CHUNK)
      await echo.read({ bytes: CHUNK.length })
    }
    assert.equal(incoming.status, 'open')
    assert.ok(incoming.readBufferLength > 0)
    incoming.resume()
    await whenArrived(2 * CHUNKS * CHUNK.length)
    assert.equal(bytes, 2 * CHUNKS * CHUNK.length)
  } finally {
    await Promise.all([sender.stop(), receiver.stop()])
  }
})

it('is aborted without an error on a connection that is closing', async () => {
  const [connection] = multiaddrConnectionPair()
  const muxer = yamux()({ logger: defaultLogger() }).createStreamMuxer(connection)
  const closing = connection.close()
  assert.throws(() => connection.send(new Uint8Array(1)), /closing|closed/)
  muxer.abort(new Error('no answer to a ping'))
  assert.equal(muxer.status, 'closed')
  connection.abort(new Error('no answer to a ping'))
  await closing.catch(() => {})
})
