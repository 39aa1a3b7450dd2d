import { yamux as libp2pYamux } from '@chainsafe/libp2p-yamux'
import type { StreamMuxerFactory } from '@libp2p/interface'
import { optimisticMuxer } from './optimistic.ts'

/**
 * How far a stream's window may grow: 20 MB/s at a round trip of 100 ms. The default is 16 MiB, but js-libp2p aborts a
 * stream of which it holds more than 4 MiB that nobody has taken, so a slow reader, such as a hub between a fast peer and
 * a slow one, would lose the stream instead of slowing the sender down.
 */
const MAX_WINDOW_BYTES = 2 * 1024 * 1024

/** The muxer of connections that are not QUIC: yamux, its streams negotiated optimistically. Its own keep-alive is off: js-libp2p has one, and so have we (liveness.ts). */
export function yamux() {
  const create = optimisticMuxer(
    libp2pYamux({ enableKeepAlive: false, streamOptions: { maxStreamWindowSize: MAX_WINDOW_BYTES } })
  )
  return (components: Parameters<typeof create>[0]) => safeAbort(create(components))
}

/**
 * yamux says goodbye when it is aborted, and throws when the connection underneath is closing already. js-libp2p's connection
 * monitor aborts connections where nobody would catch that: it ended the program, and the connection was not aborted.
 */
function safeAbort(factory: StreamMuxerFactory): StreamMuxerFactory {
  return {
    protocol: factory.protocol,
    createStreamMuxer: connection => {
      const muxer = factory.createStreamMuxer(connection)
      const abort = muxer.abort.bind(muxer)
      muxer.abort = error => {
        try {
          abort(error)
        } catch (cause) {
          connection.log('the muxer could not say goodbye - %e', cause)
        }
      }
      return muxer
    }
  }
}
