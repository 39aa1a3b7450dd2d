import type { ComponentLogger, CreateListenerOptions, Listener, ListenerEvents, Logger } from '@libp2p/interface'
import { getThinWaistAddresses, ipPortToMultiaddr } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { setMaxListeners, TypedEventEmitter } from 'main-event'
import type { WebSocket } from 'ws'
import { NatError } from '../../core/errors.ts'
import { WebSocketConnection } from './connection.ts'

/** An HTTP server of somebody else's, some of whose requests become WebSockets. */
export interface WebSocketSource {
  /**
   * Hands over the WebSockets that come to an address.
   *
   * @returns the port that it listens at, and what takes them back
   * @throws NatError NO_NETWORK when it does not listen there
   */
  take(
    host: string,
    taker: (socket: WebSocket, from: { readonly address: string; readonly port: number }) => void
  ): { readonly port: number; release(): void }
}

/** Listens where an HTTP server does already (js-libp2p's own has the whole port to itself). */
export class WebSocketListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #source: WebSocketSource
  readonly #options: CreateListenerOptions
  readonly #logger: ComponentLogger
  readonly #log: Logger
  readonly #ending = new AbortController()
  readonly #sockets = new Set<WebSocket>()
  #address: Multiaddr | undefined
  #release = () => {}

  constructor(source: WebSocketSource, options: CreateListenerOptions, logger: ComponentLogger) {
    super()
    this.#source = source
    this.#options = options
    this.#logger = logger
    this.#log = logger.forComponent('beeline:ws')
    // one for each connection under way
    setMaxListeners(Number.POSITIVE_INFINITY, this.#ending.signal)
  }

  /** @throws NatError NO_NETWORK */
  async listen(address: Multiaddr): Promise<void> {
    const [ip, tcp] = address.getComponents()
    const host = ip?.value ?? ''
    const { port, release } = this.#source.take(host, (socket, from) => this.#accept(socket, from.address, from.port))
    this.#release = release
    if (Number(tcp?.value) !== port && tcp?.value !== '0') {
      release()
      throw new NatError('NO_NETWORK', `the HTTP server of ${host} listens at port ${port}, not at ${tcp?.value}`)
    }
    this.#address = multiaddr(`/${ip?.name}/${host}/tcp/${port}`)
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    return this.#address == null ? [] : getThinWaistAddresses(this.#address).map(each => each.encapsulate('/ws'))
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    this.#release()
    this.#address = undefined
    const over = new NatError('LINK_CLOSED', 'the listener was closed')
    this.#ending.abort(over)
    // those too that wait for the other side's goodbye
    for (const socket of this.#sockets) socket.terminate()
    this.safeDispatchEvent('close')
  }

  #accept(socket: WebSocket, address: string, port: number): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // a zone is nobody else's business
    const [host = ''] = address.split('%')
    const remote = ipPortToMultiaddr(host, port).encapsulate('/ws')
    const connection = new WebSocketConnection(socket, remote, this.#logger.forComponent('beeline:ws:connection'))
    this.#options.upgrader.upgradeInbound(connection, { signal: this.#ending.signal }).catch(error => {
      this.#log.error('a connection from %a failed to upgrade - %e', remote, error)
      connection.abort(error)
    })
  }
}
