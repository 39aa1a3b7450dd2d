import type { Socket } from 'node:net'
import type { AbortOptions, MultiaddrConnection } from '@libp2p/interface'

/** How long the other side may take to end its half, once ours has ended. */
const GRACE_MS = 1_000

/** A connection of `@libp2p/tcp`, with what of it is not in its interface. */
type TcpConnection = MultiaddrConnection & {
  readonly socket?: Socket
  sendClose?(options?: AbortOptions): Promise<void>
}

/**
 * Has a connection of `@libp2p/tcp` close as TCP means it: our FIN, theirs, done. js-libp2p destroys the socket as soon as
 * all is written; what the other side is just sending is then answered by a reset, which can take away what it has not read
 * yet, and its connection ends as aborted.
 */
export function closeGently(connection: MultiaddrConnection): MultiaddrConnection {
  const { socket, sendClose } = connection as TcpConnection
  if (socket == null || sendClose == null) return connection
  return Object.assign(connection, {
    async sendClose(options?: AbortOptions): Promise<void> {
      await ended(socket, options?.signal)
      await sendClose.call(connection, options)
    }
  })
}

/** Resolves when both halves have ended, or when that takes too long. */
function ended(socket: Socket, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (socket.destroyed || signal?.aborted === true) return Promise.resolve()
  const timer = setTimeout(resolve, GRACE_MS)
  const done = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', done)
    resolve()
  }
  signal?.addEventListener('abort', done, { once: true })
  socket.once('close', done)
  socket.end()
  // a paused socket would never see the other side's end
  socket.resume()
  return promise
}
