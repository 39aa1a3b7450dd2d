import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import {
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type ListenerEvents,
  serviceCapabilities,
  type Transport,
  transportSymbol
} from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { isQuicAddress, peerOf, quicEndpoint, quicMultiaddr } from '../../src/libp2p/quic/address.ts'
import { QuicConnection } from '../../src/libp2p/quic/connection.ts'
import { type EngineConnection, type EngineServer, loadEngine } from '../../src/libp2p/quic/engine.ts'
import { QUIC_DEFAULTS, type QuicComponents } from '../../src/libp2p/quic/index.ts'
import { quicMuxer } from '../../src/libp2p/quic/muxer.ts'

/**
 * Our connections and streams straight on the engine's own sockets: what is lost to the product's transport is what the
 * packet switch costs. For IPv4 and trusted peers only.
 */
class NoSwitchTransport implements Transport {
  readonly [transportSymbol] = true as const
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly [Symbol.toStringTag] = 'no-switch-quic'
  readonly components: QuicComponents
  readonly #engine = loadEngine()
  readonly #config: object
  readonly #client

  constructor(components: QuicComponents) {
    this.components = components
    const privateKeyProto = privateKeyToProtobuf(components.privateKey)
    this.#config = new this.#engine.QuinnConfig({ ...QUIC_DEFAULTS, privateKeyProto })
    this.#client = new this.#engine.Client(this.#config, 0)
  }

  readonly listenFilter = (addresses: Multiaddr[]): Multiaddr[] => addresses.filter(isQuicAddress)
  readonly dialFilter = (addresses: Multiaddr[]): Multiaddr[] => addresses.filter(isQuicAddress)

  openServer(address: string, port: number): EngineServer {
    return new this.#engine.Server(this.#config, address, port)
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const remote = quicEndpoint(address)
    const connection = await this.#client.outboundConnection(remote.address, remote.port)
    return options.upgrader.upgradeOutbound(this.wrap(connection, 'outbound'), this.upgradeOptions(connection, options))
  }

  createListener(options: CreateListenerOptions): Listener {
    return new NoSwitchListener(this, options)
  }

  wrap(connection: EngineConnection, direction: 'inbound' | 'outbound'): QuicConnection {
    const log = this.components.logger.forComponent(`bench:connection:${connection.id()}:${direction}`)
    return new QuicConnection({ connection, remoteAddr: multiaddr(connection.remoteMultiaddr()), direction, log })
  }

  upgradeOptions(connection: EngineConnection, { signal }: { signal?: AbortSignal }) {
    return {
      skipEncryption: true,
      skipProtection: true,
      remotePeer: peerIdFromString(peerOf(multiaddr(connection.remoteMultiaddr()))!),
      muxerFactory: quicMuxer(connection, this.components.logger),
      signal: signal ?? new AbortController().signal
    }
  }
}

class NoSwitchListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #transport: NoSwitchTransport
  readonly #options: CreateListenerOptions
  #listening: { readonly server: EngineServer; readonly address: Multiaddr } | undefined

  constructor(transport: NoSwitchTransport, options: CreateListenerOptions) {
    super()
    this.#transport = transport
    this.#options = options
  }

  async listen(address: Multiaddr): Promise<void> {
    const wanted = quicEndpoint(address)
    const server = this.#transport.openServer(wanted.address, wanted.port)
    this.#listening = { server, address: quicMultiaddr({ address: wanted.address, port: server.port() }) }
    void this.#accept(server)
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    return this.#listening == null ? [] : [this.#listening.address]
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    const listening = this.#listening
    this.#listening = undefined
    await listening?.server.abort()
    this.safeDispatchEvent('close')
  }

  async #accept(server: EngineServer): Promise<void> {
    while (this.#listening != null) {
      const connection = await server.inboundConnection().catch(() => undefined)
      if (connection == null) return
      await this.#options.upgrader.upgradeInbound(
        this.#transport.wrap(connection, 'inbound'),
        this.#transport.upgradeOptions(connection, {})
      )
    }
  }
}

export function noSwitchQuic(): (components: QuicComponents) => Transport {
  return components => new NoSwitchTransport(components)
}
