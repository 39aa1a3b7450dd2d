import type { Socket } from 'node:net'

/**
 * Reads so many bytes off a socket that nobody else reads, and leaves the rest in it, paused.
 *
 * @throws what the socket failed with; ECONNRESET when it ended before; the signal's reason
 */
export function readExactly(socket: Socket, length: number, signal: AbortSignal): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const look = () => {
    const bytes: Buffer | null = socket.read(length)
    // at its end a stream gives what it has, however little
    if (bytes?.length === length) resolve(bytes)
    else if (bytes != null || socket.readableEnded || socket.destroyed) reject(endedEarly())
  }
  const onError = (error: Error) => reject(error)
  const onEnd = () => reject(endedEarly())
  const onAbort = () => reject(signal.reason)
  socket.on('readable', look).on('error', onError).on('end', onEnd).on('close', onEnd)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  else look()
  return promise.finally(() => {
    socket.off('readable', look).off('error', onError).off('end', onEnd).off('close', onEnd)
    signal.removeEventListener('abort', onAbort)
  })
}

function endedEarly(): Error {
  return Object.assign(new Error('the other side closed the connection'), { code: 'ECONNRESET' })
}
