import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import {
  AbortError,
  type ComponentLogger,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type Logger,
  type PrivateKey,
  type Startable,
  serviceCapabilities,
  transportSymbol
} from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { realClock, sleep } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { SocketId } from '../../socket/path.ts'
import type { FlowInfo, PlaneKind } from '../../socket/plane.ts'
import { PacketSwitch } from '../../socket/switch.ts'
import { type PunchableTransport, type PunchDialOptions, type Puncher, punchable } from '../punchable.ts'
import { isAborted, raceAbort } from './abort.ts'
import {
  type Family,
  isLoopback,
  isQuicAddress,
  isQuicDialable,
  isUnspecified,
  peerOf,
  type QuicEndpoint,
  quicEndpoint,
  quicMultiaddr
} from './address.ts'
import { QuicConnection } from './connection.ts'
import { type EngineClient, type EngineConfig, type EngineConnection, type EngineServer, loadEngine } from './engine.ts'
import { withLargeBuffer } from './engine-buffers.ts'
import { type FreshDialOptions, freshFlow } from './fresh.ts'
import { GOODBYE_MS, goodbye } from './goodbye.ts'
import { QuicListener } from './listener.ts'
import { quicMuxer } from './muxer.ts'
import { resolved } from './resolve.ts'

export interface QuicOptions extends Partial<Omit<EngineConfig, 'privateKeyProto'>> {
  /** The data plane of the packet switch. @default the fast one where it runs, else the portable one */
  plane?: PlaneKind
}

export interface QuicComponents {
  readonly privateKey: PrivateKey
  readonly logger: ComponentLogger
  /** Where it is known the connections are closed before anything else stops. */
  readonly connectionManager?: Pick<ConnectionManager, 'getConnections'>
}

/**
 * Times in milliseconds, sizes in bytes. A dead path is noticed after 20 s; a keep-alive every 5 s keeps the mapping of a
 * NAT that forgets after 30 s (RFC 4787 requires two minutes; many do not care).
 */
export const QUIC_DEFAULTS: Omit<EngineConfig, 'privateKeyProto'> = {
  handshakeTimeout: 10_000,
  maxIdleTimeout: 20_000,
  keepAliveInterval: 5_000,
  maxConcurrentStreamLimit: 1_024,
  maxStreamData: 10_000_000,
  maxConnectionData: 15_000_000,
  receiveBufferSize: 4_000_000,
  sendBufferSize: 4_000_000
}

type DialOptions = DialTransportOptions & PunchDialOptions & FreshDialOptions

/** QUIC whose dials leave from the port that it listens on, through the packet switch (docs/decisions.md). */
export class QuicTransport implements PunchableTransport, Startable {
  readonly [transportSymbol] = true as const
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly [Symbol.toStringTag] = 'beeline-quic'
  readonly [punchable]: Puncher
  readonly components: QuicComponents
  readonly listeners = new Set<QuicListener>()
  readonly binding = new Set<Promise<void>>()
  readonly #log: Logger
  readonly #options: QuicOptions
  readonly #engine = loadEngine()
  readonly #config: object
  readonly #dialSockets = new Map<Family, Promise<SocketId>>()
  #client: EngineClient | undefined
  #switch: Promise<PacketSwitch> | undefined

  constructor(components: QuicComponents, options: QuicOptions = {}) {
    this.components = components
    this.#options = options
    this.#log = components.logger.forComponent('beeline:quic')
    const { plane: _, ...engine } = options
    const privateKeyProto = privateKeyToProtobuf(components.privateKey)
    this.#config = new this.#engine.QuinnConfig({ ...QUIC_DEFAULTS, ...engine, privateKeyProto })
    this[punchable] = {
      technique: 'punch-quic',
      simultaneous: false,
      canPunch: address => isQuicAddress(address) && this.#listeningSocket(quicEndpoint(address)) != null,
      // all connections of this transport share its listening socket
      observes: ({ remoteAddr }) => isQuicDialable(remoteAddr),
      sendDatagram: (bytes, to) => this.#sendDatagram(bytes, to)
    }
  }

  readonly listenFilter = (addresses: Multiaddr[]): Multiaddr[] => addresses.filter(isQuicAddress)
  readonly dialFilter = (addresses: Multiaddr[]): Multiaddr[] => addresses.filter(isQuicDialable)

  start(): void {}

  async beforeStop(): Promise<void> {
    const { connectionManager } = this.components
    if (connectionManager != null) await goodbye(connectionManager, realClock)
  }

  async stop(): Promise<void> {
    const opened = this.#switch
    this.#switch = undefined
    this.#dialSockets.clear()
    if (opened != null) await sleep(realClock, GOODBYE_MS)
    this.#client?.abort()
    this.#client = undefined
    await (await opened)?.close()
  }

  /** The switch that all of this transport's packets go through; started when first needed. */
  packetSwitch(): Promise<PacketSwitch> {
    this.#switch ??= PacketSwitch.open(this.#options.plane)
    return this.#switch
  }

  openServer(): EngineServer {
    return withLargeBuffer(() => new this.#engine.Server(this.#config, '127.0.0.1', 0))
  }

  createListener(options: CreateListenerOptions): Listener {
    return new QuicListener(this, options)
  }

  /** @throws NatError TIMEOUT, WRONG_PEER, BAD_ADDRESS, LIMIT; AbortError */
  async dial(address: Multiaddr, options: DialOptions): Promise<Connection> {
    if (isAborted(options.signal)) throw new AbortError()
    const deadlineMs = this.#options.handshakeTimeout ?? QUIC_DEFAULTS.handshakeTimeout
    const deadline = AbortSignal.timeout(deadlineMs)
    const signal = options.signal == null ? deadline : AbortSignal.any([options.signal, deadline])
    const remote = quicEndpoint(await resolved(address, signal))
    const flow = await this.#openFlow(remote, options)
    let connection: EngineConnection
    try {
      this.#client ??= withLargeBuffer(() => new this.#engine.Client(this.#config, 0))
      connection = await raceAbort(this.#client.outboundConnection('127.0.0.1', flow.loopbackPort), signal)
    } catch (error) {
      // nothing more may go to an address that did not answer: the engine itself would repeat for seconds
      this.#release(flow.flow, true)
      if (isAborted(options.signal)) throw new AbortError()
      if (!signal.aborted) throw error
      throw new NatError(
        'TIMEOUT',
        `${address} did not answer within ${deadlineMs} ms: is it up, and does UDP reach it?`
      )
    }
    const peer = peerOf(multiaddr(connection.remoteMultiaddr()))
    const wanted = peerOf(address)
    if (peer == null || (wanted != null && wanted !== peer)) {
      connection.abort()
      this.#release(flow.flow, false)
      throw new NatError('WRONG_PEER', `${peer ?? 'somebody without a peer id'} answered at ${address}`)
    }
    const maConn = this.wrap(connection, quicMultiaddr(remote, peer), 'outbound', flow.flow)
    try {
      return await options.upgrader.upgradeOutbound(maConn, {
        skipEncryption: true,
        skipProtection: true,
        remotePeer: peerIdFromString(peer),
        muxerFactory: quicMuxer(connection, this.components.logger),
        signal
      })
    } catch (error) {
      this.#log('could not upgrade the connection to %a - %e', address, error as Error)
      maConn.abort(error as Error)
      throw error
    }
  }

  /** A connection to which the flow that was dialled or accepted for it belongs: it is released when the connection closes. */
  wrap(
    connection: EngineConnection,
    remoteAddr: Multiaddr,
    direction: 'inbound' | 'outbound',
    flow: number
  ): QuicConnection {
    const log = this.components.logger.forComponent(`beeline:quic:connection:${connection.id()}:${direction}`)
    const maConn = new QuicConnection({ connection, remoteAddr, direction, log })
    maConn.addEventListener('close', () => this.#release(flow, false), { once: true })
    return maConn
  }

  #release(flow: number, now: boolean): void {
    this.#switch?.then(opened => opened.release(flow, now)).catch(() => {})
  }

  async #openFlow(remote: QuicEndpoint, { punch = false, freshFrom }: DialOptions): Promise<FlowInfo> {
    const opened = await this.packetSwitch()
    if (freshFrom != null) return freshFlow(opened, freshFrom, remote)
    // js-libp2p listens on all addresses at once, and a relay among them is dialled meanwhile
    await Promise.allSettled(this.binding)
    const socket = this.#listeningSocket(remote) ?? (await this.#dialSocket(remote.family))
    return opened.dial({ kind: 'udp', socket, remote: { address: remote.address, port: remote.port } }, punch)
  }

  /** The listening socket to reach that address from: what is bound to loopback reaches loopback only, and so on. */
  #listeningSocket(remote: QuicEndpoint): SocketId | undefined {
    let exact: SocketId | undefined
    for (const { socket } of this.listeners) {
      if (socket?.family !== remote.family) continue
      if (isUnspecified(socket.address)) return socket.socket
      if (isLoopback(socket.address) === isLoopback(remote.address)) exact ??= socket.socket
    }
    return exact
  }

  #dialSocket(family: Family): Promise<SocketId> {
    let socket = this.#dialSockets.get(family)
    if (socket == null) {
      socket = this.packetSwitch().then(async opened => (await opened.bind(family === 4 ? '0.0.0.0' : '::', 0)).socket)
      this.#dialSockets.set(family, socket)
      socket.catch(() => this.#dialSockets.delete(family))
    }
    return socket
  }

  #sendDatagram(bytes: Uint8Array, to: Multiaddr): void {
    const remote = quicEndpoint(to)
    const socket = this.#listeningSocket(remote)
    if (socket != null) this.#switch?.then(opened => opened.send(socket, remote, bytes)).catch(() => {})
  }
}
