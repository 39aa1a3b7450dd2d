import type { ComponentLogger, CreateListenerOptions, Listener, ListenerEvents, Logger } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { setMaxListeners, TypedEventEmitter } from 'main-event'
import type { Bound } from '../../socket/plane.ts'
import type { PacketSwitch } from '../../socket/switch.ts'
import { interfaceAddresses, isUnspecified, peerOf, type QuicEndpoint, quicEndpoint, quicMultiaddr } from './address.ts'
import type { QuicConnection } from './connection.ts'
import type { EngineConnection, EngineServer } from './engine.ts'
import { quicMuxer } from './muxer.ts'

/** Calls that wait for a connection, beside those that have a handshake under way: the engine ends one before it takes another. */
const SPARE_TAKERS = 32
const CLOSE_TIMEOUT_MS = 1_000

/** What a listener needs of its transport. */
export interface ListenerHost {
  readonly components: { readonly logger: ComponentLogger }
  readonly listeners: Set<QuicListener>
  /** Listeners on their way: a dial waits for them, to leave from their port. */
  readonly binding: Set<Promise<void>>
  packetSwitch(): Promise<PacketSwitch>
  openServer(): EngineServer
  wrap(connection: EngineConnection, remoteAddr: Multiaddr, direction: 'inbound', flow: number): QuicConnection
}

interface Listening {
  readonly bound: Bound
  readonly endpoint: QuicEndpoint
  readonly server: EngineServer
  /** The one that the socket belongs to: after a stop the transport would open another. */
  readonly packetSwitch: PacketSwitch
}

/** One public socket with an engine's server behind it. */
export class QuicListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #transport: ListenerHost
  readonly #upgrader: CreateListenerOptions['upgrader']
  readonly #log: Logger
  readonly #shutdown = new AbortController()
  readonly #connections = new Set<{ abort(error: Error): void }>()
  #listening: Listening | undefined
  #takers = 0
  #wantedTakers = SPARE_TAKERS

  constructor(transport: ListenerHost, options: CreateListenerOptions) {
    super()
    this.#transport = transport
    this.#upgrader = options.upgrader
    this.#log = transport.components.logger.forComponent('beeline:quic:listener')
    setMaxListeners(Number.POSITIVE_INFINITY, this.#shutdown.signal)
  }

  /** The socket and what it is bound to, for dials that leave from the port that is listened on. */
  get socket(): (QuicEndpoint & { readonly socket: number }) | undefined {
    return this.#listening == null ? undefined : { ...this.#listening.endpoint, socket: this.#listening.bound.socket }
  }

  /** @throws NatError PORT_TAKEN, NO_NETWORK, BAD_ADDRESS */
  async listen(address: Multiaddr): Promise<void> {
    const binding = this.#bind(address)
    this.#transport.binding.add(binding)
    try {
      await binding
    } finally {
      this.#transport.binding.delete(binding)
    }
    this.safeDispatchEvent('listening')
  }

  async #bind(address: Multiaddr): Promise<void> {
    const wanted = quicEndpoint(address)
    const packetSwitch = await this.#transport.packetSwitch()
    const bound = await packetSwitch.bind(wanted.address, wanted.port)
    const server = this.#transport.openServer()
    await packetSwitch.listen(bound.socket, server.port())
    this.#listening = { bound, endpoint: { ...wanted, port: bound.port }, server, packetSwitch }
    this.#transport.listeners.add(this)
    const off = packetSwitch.events.on('handshakes', ({ count }) => {
      this.#wantedTakers = count + SPARE_TAKERS
      this.#take(server, packetSwitch)
    })
    this.#shutdown.signal.addEventListener('abort', off, { once: true })
    this.#take(server, packetSwitch)
  }

  getAddrs(): Multiaddr[] {
    if (this.#listening == null) return []
    const { address, port, family } = this.#listening.endpoint
    const addresses = isUnspecified(address) ? interfaceAddresses(family) : [address]
    return addresses.map(each => quicMultiaddr({ address: each, port }))
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    const listening = this.#listening
    if (listening == null) return
    this.#listening = undefined
    this.#transport.listeners.delete(this)
    this.#shutdown.abort()
    for (const connection of this.#connections) connection.abort(new Error('the listener closed'))
    // the engine waits until its peers have heard of the end, which a dead one never does
    await Promise.race([
      listening.server.abort(),
      new Promise(resolve => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref())
    ])
    await listening.packetSwitch.unbind(listening.bound.socket).catch(() => {})
    this.safeDispatchEvent('close')
  }

  #take(server: EngineServer, packetSwitch: PacketSwitch): void {
    while (this.#takers < this.#wantedTakers) {
      this.#takers++
      void this.#accept(server, packetSwitch)
    }
  }

  async #accept(server: EngineServer, packetSwitch: PacketSwitch): Promise<void> {
    while (!this.#shutdown.signal.aborted && this.#takers <= this.#wantedTakers) {
      try {
        void this.#upgrade(await server.inboundConnection(), packetSwitch)
      } catch (error) {
        // a handshake that failed; when the server is closed, the loop's condition ends it
        this.#log.trace('a handshake failed - %e', error as Error)
        if ((error as Error).message.includes('server closed')) break
      }
    }
    this.#takers--
  }

  async #upgrade(connection: EngineConnection, packetSwitch: PacketSwitch): Promise<void> {
    const engineAddress = multiaddr(connection.remoteMultiaddr())
    const flow = await packetSwitch.accept(quicEndpoint(engineAddress).port).catch(() => undefined)
    const peer = peerOf(engineAddress)
    if (flow?.path.kind !== 'udp' || peer == null || this.#listening == null) {
      connection.abort()
      if (flow != null) await packetSwitch.release(flow.flow).catch(() => {})
      return
    }
    const maConn = this.#transport.wrap(connection, quicMultiaddr(flow.path.remote, peer), 'inbound', flow.flow)
    this.#connections.add(maConn)
    maConn.addEventListener('close', () => this.#connections.delete(maConn))
    try {
      await this.#upgrader.upgradeInbound(maConn, {
        skipEncryption: true,
        skipProtection: true,
        remotePeer: peerIdFromString(peer),
        muxerFactory: quicMuxer(connection, this.#transport.components.logger),
        signal: this.#shutdown.signal
      })
    } catch (error) {
      this.#log('could not upgrade an inbound connection - %e', error as Error)
      maConn.abort(error as Error)
    }
  }
}
