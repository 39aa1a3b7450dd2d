import { connect, type Socket } from 'node:net'
import { scoped } from '../../core/deadline.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { TcpConnection, TcpOptions } from '../../core/net.ts'
import { noNetwork } from './udp.ts'

/** Bytes that may wait to be read; who sends more does not speak a protocol of ours. */
const MAX_WAITING_BYTES = 65_536

/** @throws NatError NO_NETWORK; the signal's reason */
export async function systemTcp(to: Endpoint, { localPort, signal }: TcpOptions): Promise<TcpConnection> {
  const socket = connect({ host: to.address, port: to.port, ...(localPort == null ? {} : { localPort }) })
  try {
    await scoped(signal, aborted => opened(socket, aborted))
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw noNetwork(`no TCP connection to ${to.address} port ${to.port}`, error)
  }
  return new SystemTcp(socket, to)
}

function opened(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

class SystemTcp implements TcpConnection {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #socket: Socket
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #ended = false
  #wake = () => {}

  constructor(socket: Socket, remote: Endpoint) {
    this.#socket = socket
    this.remote = remote
    this.local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 }
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('error', () => {})
    socket.on('close', () => this.#end())
    socket.on('end', () => this.#end())
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  async read(signal: AbortSignal): Promise<Uint8Array | undefined> {
    signal.throwIfAborted()
    if (this.#waiting.length === 0 && !this.#ended) {
      await scoped(signal, aborted => {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        this.#wake = resolve
        aborted.addEventListener('abort', () => reject(signal.reason), { once: true })
        return promise
      })
    }
    const bytes = this.#waiting.shift()
    this.#waitingBytes -= bytes?.length ?? 0
    return bytes
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(bytes: Uint8Array): void {
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#socket.destroy()
      return
    }
    this.#waiting.push(bytes)
    this.#wake()
  }

  #end(): void {
    this.#ended = true
    this.#wake()
  }
}
