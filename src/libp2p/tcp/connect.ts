import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../../core/machine.ts'

/**
 * Connects, from that local port where one is given, and does not read. The signal ends the attempt only, not the connection.
 *
 * @throws what the system says; the signal's reason
 */
export function connectTo({ address, port }: Endpoint, localPort: number | undefined, signal: AbortSignal) {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  signal.throwIfAborted()
  const from = localPort == null ? {} : { localPort }
  const socket = connect({ host: address, port, noDelay: true, keepAlive: false, ...from })
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  socket.once('connect', () => resolve(socket))
  // for as long as it lives: an error that nobody listens to would end the program
  socket.on('error', reject)
  return promise
    .catch(error => {
      socket.destroy()
      throw error
    })
    .finally(() => signal.removeEventListener('abort', onAbort))
}
