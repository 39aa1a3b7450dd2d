import { scoped } from '../../core/deadline.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { TcpConnection } from '../../core/net.ts'
import type { TcpFlow } from './flow.ts'

/** What a program holds of a TCP connection. */
export class SimTcpConnection implements TcpConnection {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #flow: TcpFlow
  readonly #waiting: Uint8Array[] = []
  #ended = false
  #closed = false
  #wake = () => {}

  constructor(local: Endpoint, remote: Endpoint, flow: TcpFlow) {
    this.local = local
    this.remote = remote
    this.#flow = flow
  }

  write(bytes: Uint8Array): void {
    this.#flow.write(bytes)
  }

  async read(signal: AbortSignal): Promise<Uint8Array | undefined> {
    signal.throwIfAborted()
    while (this.#waiting.length === 0 && !this.#ended) {
      await scoped(signal, aborted => {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        this.#wake = resolve
        aborted.addEventListener('abort', () => reject(signal.reason), { once: true })
        return promise
      })
    }
    return this.#waiting.shift()
  }

  close(): void {
    this.#closed = true
    this.#flow.close()
    this.ended()
  }

  /** Bytes have come. */
  take(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#waiting.push(bytes)
    this.#wake()
  }

  /** No more will come. */
  ended(): void {
    this.#ended = true
    this.#wake()
  }
}
