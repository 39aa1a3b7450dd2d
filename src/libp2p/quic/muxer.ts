import type {
  ComponentLogger,
  CreateStreamOptions,
  Logger,
  MultiaddrConnection,
  Stream,
  StreamMuxer,
  StreamMuxerFactory
} from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { NatError } from '../../core/errors.ts'
import { type EagerOptions, isOptimistic, optimistic } from '../optimistic.ts'
import type { EngineConnection, EngineStream } from './engine.ts'
import { QuicStream } from './stream.ts'

type MuxerEvents = { stream: CustomEvent<Stream> }

/** The muxer that a QUIC connection is. One factory serves one connection. */
export function quicMuxer(
  connection: EngineConnection,
  logger: ComponentLogger,
  protocol = 'quic'
): StreamMuxerFactory {
  return {
    protocol,
    createStreamMuxer: maConn =>
      new QuicMuxer(connection, logger, maConn as MultiaddrConnection, protocol) as unknown as StreamMuxer
  }
}

class QuicMuxer extends TypedEventEmitter<MuxerEvents> {
  readonly protocol: string
  readonly streams: QuicStream[] = []
  readonly log: Logger
  status: 'open' | 'closing' | 'closed' = 'open'
  readonly #connection: EngineConnection
  readonly #logger: ComponentLogger

  constructor(connection: EngineConnection, logger: ComponentLogger, maConn: MultiaddrConnection, protocol: string) {
    super()
    this.protocol = protocol
    this.#connection = connection
    this.#logger = logger
    this.log = logger.forComponent('beeline:quic:muxer')
    maConn.addEventListener('close', ({ error }) => this.abort(ended(error)), { once: true })
    void this.#accept()
  }

  async createStream({ protocol, ...options }: CreateStreamOptions & EagerOptions = {}): Promise<QuicStream> {
    const stream = await this.#connection.outboundStream().catch(error => {
      throw ended(error)
    })
    if (this.status !== 'open') {
      void stream.resetWrite()
      throw ended()
    }
    const added = this.#add(stream, 'outbound')
    return isOptimistic(protocol, options) ? optimistic(added, protocol) : added
  }

  async close(options?: { signal?: AbortSignal }): Promise<void> {
    if (this.status !== 'open') return
    this.status = 'closing'
    await Promise.all(this.streams.map(stream => stream.close(options).catch(() => {})))
    this.abort(new NatError('LINK_CLOSED', 'the connection was closed'))
  }

  abort(error: Error): void {
    if (this.status === 'closed') return
    this.status = 'closed'
    for (const stream of [...this.streams]) stream.abort(error)
    this.streams.length = 0
  }

  async #accept(): Promise<void> {
    try {
      while (this.status === 'open') {
        const stream = await this.#connection.inboundStream()
        if (this.status !== 'open') return
        this.safeDispatchEvent('stream', { detail: this.#add(stream, 'inbound') })
      }
    } catch (error) {
      this.log.trace('takes no more streams - %e', error as Error)
    }
  }

  #add(engineStream: EngineStream, direction: 'inbound' | 'outbound'): QuicStream {
    const log = this.#logger.forComponent(`beeline:quic:stream:${direction}`)
    const stream = new QuicStream({ stream: engineStream, direction, log })
    this.streams.push(stream)
    stream.addEventListener('close', () => {
      const at = this.streams.indexOf(stream)
      if (at >= 0) this.streams.splice(at, 1)
    })
    return stream
  }
}

/** What those are told who hold its streams. The engine does not say whether the other side has closed it. */
function ended(cause?: Error): NatError {
  if (cause instanceof NatError) return cause
  const why = cause?.message ?? 'the other side closed it, or nothing came from there for too long'
  return new NatError('LINK_CLOSED', `the QUIC connection is over: ${why}`, { cause })
}
