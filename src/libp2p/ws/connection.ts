import type { AbortOptions, Logger } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { RawData, WebSocket } from 'ws'

/** What may wait in a WebSocket before its writer does: as much as js-libp2p lets wait. */
const MAX_BUFFERED_BYTES = 4 * 1_024 * 1_024

/** RFC 6455 section 7.4.1: as it should be; and what stands for a connection that ended without a word. */
const NORMAL = 1_000
const ABNORMAL = 1_006

/** A WebSocket that somebody has opened to us, as libp2p wants its raw connections. */
export class WebSocketConnection extends AbstractMultiaddrConnection {
  readonly #socket: WebSocket
  #full = false

  constructor(socket: WebSocket, remoteAddr: Multiaddr, log: Logger) {
    super({ remoteAddr, direction: 'inbound', log })
    this.#socket = socket
    // `ws` hands out pieces of what it has read, which nobody else has
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) this.onData(data as Buffer)
      else this.abort(new Error('a text, where libp2p has bytes'))
    })
    socket.on('error', error => this.abort(error))
    socket.on('close', code => {
      if (code === ABNORMAL) this.onRemoteReset()
      else this.onTransportClosed()
    })
  }

  override sendData(data: Uint8ArrayList): SendResult {
    for (const bytes of data) this.#socket.send(bytes, this.#onSent)
    this.#full = this.#socket.bufferedAmount >= MAX_BUFFERED_BYTES
    return { sentBytes: data.byteLength, canSendMore: !this.#full }
  }

  override sendReset(): void {
    this.#socket.terminate()
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    this.#socket.close(NORMAL)
    options?.signal?.throwIfAborted()
  }

  override sendPause(): void {
    this.#socket.pause()
  }

  override sendResume(): void {
    this.#socket.resume()
  }

  readonly #onSent = (): void => {
    if (!this.#full || this.#socket.bufferedAmount > 0) return
    this.#full = false
    this.safeDispatchEvent('drain')
  }
}
