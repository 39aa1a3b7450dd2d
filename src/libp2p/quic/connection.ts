import type { AbortOptions, Logger } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { EngineConnection } from './engine.ts'

export interface QuicConnectionInit {
  readonly connection: EngineConnection
  /** The real one, not that of the switch's loopback socket. */
  readonly remoteAddr: Multiaddr
  readonly direction: 'inbound' | 'outbound'
  readonly log: Logger
}

/** A QUIC connection as the upgrader takes it. Bytes flow on its streams only. */
export class QuicConnection extends AbstractMultiaddrConnection {
  readonly #connection: EngineConnection

  constructor(init: QuicConnectionInit) {
    super({ remoteAddr: init.remoteAddr, direction: init.direction, log: init.log })
    this.#connection = init.connection
    init.connection.closed().then(
      () => this.onTransportClosed(),
      (error: Error) => this.onTransportClosed(error)
    )
  }

  sendData(): SendResult {
    throw new Error('a QUIC connection carries bytes on its streams only')
  }

  sendReset(): void {
    this.#connection.abort()
  }

  async sendClose(_options?: AbortOptions): Promise<void> {
    this.#connection.abort()
  }

  // flow control is QUIC's own, per stream
  sendPause(): void {}
  sendResume(): void {}
}
