import { type AbortOptions, type Logger, StreamResetError } from '@libp2p/interface'
import { AbstractStream, type SendResult } from '@libp2p/utils'
import { Uint8ArrayList } from 'uint8arraylist'
import type { EngineStream } from './engine.ts'

/** How much is asked of the engine at a time, at most. Each read crosses threads: at 4 KiB that is half of the work (docs/performance.md). */
const READ_BYTES = 256 * 1024
/** At first, and while little comes: the engine holds as much memory for as long as the read waits, and a hub has two idle streams of each peer. */
const FIRST_READ_BYTES = 4 * 1024

export interface QuicStreamInit {
  readonly stream: EngineStream
  readonly direction: 'inbound' | 'outbound'
  readonly log: Logger
}

/** A QUIC stream. What nobody reads stays in the engine, whose flow control then stops the sender. */
export class QuicStream extends AbstractStream {
  readonly #stream: EngineStream
  #discarding = false
  #wake: (() => void) | undefined

  constructor(init: QuicStreamInit) {
    super({ id: init.stream.id(), direction: init.direction, log: init.log })
    this.#stream = init.stream
    void this.#read()
  }

  sendData(data: Uint8ArrayList): SendResult {
    // one write at a time: the engine gives no order to writes that overlap
    this.#stream.write(data.subarray()).then(
      () => this.safeDispatchEvent('drain'),
      (error: Error) => this.abort(error)
    )
    return { sentBytes: data.byteLength, canSendMore: false }
  }

  sendReset(): void {
    void this.#stream.resetWrite()
    void this.#stream.stopRead()
    this.#resume()
  }

  async sendCloseWrite(_options?: AbortOptions): Promise<void> {
    await this.#stream.finishWrite()
    this.#resume()
  }

  async sendCloseRead(_options?: AbortOptions): Promise<void> {
    // reading goes on, into nothing: only so the other side's end is seen
    this.#discarding = true
    this.#resume()
  }

  sendPause(): void {}

  sendResume(): void {
    this.#resume()
  }

  override addEventListener: AbstractStream['addEventListener'] = (
    ...args: Parameters<AbstractStream['addEventListener']>
  ) => {
    super.addEventListener(...args)
    if (args[0] === 'message') this.#resume()
  }

  /**
   * js-libp2p's own waits for the end of the stream as an event, which has been told already where both ends were closed before anybody read: it would give what came,
   * and then never return.
   */
  override async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array | Uint8ArrayList> {
    const isOver = this.remoteWriteStatus === 'closed' && this.readBufferLength > 0 && this.readStatus !== 'closed'
    if (!isOver) {
      yield* super[Symbol.asyncIterator]()
      return
    }
    // all of it comes as one message
    yield await new Promise<Uint8Array | Uint8ArrayList>(resolve => {
      this.addEventListener('message', ({ data }) => resolve(data), { once: true })
    })
    if (this.status === 'reset') throw new StreamResetError('the other side reset the stream')
  }

  #resume(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  get #blocked(): boolean {
    if (this.#discarding || this.status !== 'open') return false
    return this.readStatus === 'paused' || (this.readBufferLength >= READ_BYTES && this.listenerCount('message') === 0)
  }

  /**
   * The other side's end waits for somebody to read: js-libp2p attaches a handler some time after the negotiation, and an
   * end that was announced before is never seen by an iterator that begins later.
   */
  get #endBlocked(): boolean {
    if (this.#discarding || this.status !== 'open' || this.writeStatus !== 'writable') return false
    return this.protocol === '' || this.listenerCount('message') === 0
  }

  #whenResumed(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  async #read(): Promise<void> {
    let bytes = FIRST_READ_BYTES
    try {
      for (;;) {
        while (this.#blocked) await this.#whenResumed()
        const chunk = await this.#stream.read(bytes)
        if (chunk == null) break
        if (chunk.length === bytes) bytes = Math.min(READ_BYTES, 8 * bytes)
        else if (chunk.length < FIRST_READ_BYTES) bytes = FIRST_READ_BYTES
        if (!this.#discarding) this.onData(new Uint8ArrayList(chunk))
      }
    } catch (error) {
      // quinn: "stream reset by peer". Everything else is the end of the connection, which the muxer hears of too.
      if (/reset/.test((error as Error).message) && this.status === 'open') this.onRemoteReset()
      return
    }
    while (this.#endBlocked) await this.#whenResumed()
    this.onRemoteCloseWrite()
  }
}
