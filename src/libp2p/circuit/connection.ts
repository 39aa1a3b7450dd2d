import type { AbortOptions, ConnectionLimits, Logger, Stream } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { Uint8ArrayList } from 'uint8arraylist'
import type { CircuitLimit } from '../../wire/circuit.ts'
import { type Step, takeSteps } from '../frames.ts'

/** How long the other side may take to end its half, once we have ended ours. */
const CLOSE_TIMEOUT_MS = 5_000

export interface CircuitConnectionInit {
  readonly stream: Stream
  readonly remoteAddr: Multiaddr
  readonly log: Logger
  /** What comes in before the connection's own bytes, in order. */
  readonly expect?: readonly Step[]
  /** Bytes that are given to the reader as if they had come in first. */
  readonly early?: Uint8Array
}

/** A relayed connection before it is encrypted: a stream to or from a relay, as the upgrader wants it. */
export class CircuitConnection extends AbstractMultiaddrConnection {
  /** Why what came in was refused; the upgrader's own error tells less. */
  failure: Error | undefined
  readonly #stream: Stream
  readonly #steps: Step[]
  readonly #pending = new Uint8ArrayList()
  readonly #openedMs = Date.now()
  #limit: CircuitLimit = {}
  #sent = 0
  #received = 0

  constructor({ stream, remoteAddr, log, expect = [], early }: CircuitConnectionInit) {
    super({ remoteAddr, direction: stream.direction, log })
    this.#stream = stream
    this.#steps = [...expect]
    if (early != null) this.onData(early)
    stream.addEventListener('drain', () => this.safeDispatchEvent('drain'))
    stream.addEventListener('end', () => {
      if (stream.status !== 'open') return
      this.onRemoteCloseWrite()
      this.close().catch(error => this.abort(error))
    })
    stream.addEventListener('close', ({ error }) => {
      this.failure ??= error
      this.onTransportClosed(error)
    })
    stream.addEventListener('message', ({ data }) => this.#take(data))
  }

  limitTo(limit: CircuitLimit | undefined): void {
    this.#limit = limit ?? {}
  }

  /** What the relay still allows, as js-libp2p tells it; absent when it set no limit. */
  get limits(): ConnectionLimits | undefined {
    const { duration = 0, data = 0 } = this.#limit
    if (duration === 0 && data === 0) return undefined
    const bytes = () => BigInt(Math.max(0, data - Math.max(this.#sent, this.#received)))
    const seconds = () => Math.max(0, duration - Math.round((Date.now() - this.#openedMs) / 1000))
    // read by whoever asks, whenever they do
    return Object.defineProperties({}, {
      ...(data === 0 ? {} : { bytes: { get: bytes, enumerable: true } }),
      ...(duration === 0 ? {} : { seconds: { get: seconds, enumerable: true } })
    } as PropertyDescriptorMap)
  }

  sendData(data: Uint8ArrayList): SendResult {
    const sentBytes = data.byteLength
    this.#sent += sentBytes
    return { sentBytes, canSendMore: this.#stream.send(data) }
  }

  /** A connection whose relay hangs up in the middle of this is closed: no failure, which js-libp2p takes it for. */
  override async close(options?: AbortOptions): Promise<void> {
    try {
      await super.close(options)
    } catch (error) {
      if (this.status === 'open' || this.status === 'closing') throw error
    }
  }

  async sendClose(options?: AbortOptions): Promise<void> {
    const stream = this.#stream
    await stream.close(options)
    const timer = setTimeout(() => stream.abort(new Error('the other side did not end its half')), CLOSE_TIMEOUT_MS)
    timer.unref()
    stream.addEventListener('close', () => clearTimeout(timer))
  }

  sendReset(error: Error): void {
    this.#stream.abort(error)
  }

  sendPause(): void {
    this.#stream.pause()
  }

  sendResume(): void {
    this.#stream.resume()
  }

  #take(data: Uint8Array | Uint8ArrayList): void {
    if (this.#steps.length === 0) {
      this.#received += data.byteLength
      this.onData(data)
      return
    }
    this.#pending.append(data)
    try {
      if (!takeSteps(this.#steps, this.#pending)) return
    } catch (error) {
      this.failure = error as Error
      this.abort(this.failure)
      return
    }
    this.#received += this.#pending.byteLength
    if (this.#pending.byteLength > 0) this.onData(this.#pending.sublist())
  }
}
