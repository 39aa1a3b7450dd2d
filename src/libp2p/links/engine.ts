import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { raceAbort } from '../quic/abort.ts'
import { quicEndpoint } from '../quic/address.ts'
import {
  type Engine,
  type EngineClient,
  type EngineConfig,
  type EngineConnection,
  type EngineServer,
  loadEngine
} from '../quic/engine.ts'
import { withLargeBuffer } from '../quic/engine-buffers.ts'
import { QUIC_DEFAULTS } from '../quic/transport.ts'

/**
 * Times in milliseconds. Whether the other side is there, and what keeps mappings alive, is the path agent's business: the
 * engine's own timeout only has to be longer than any of that, and its keep-alive to stay below it.
 */
export const LINK_ENGINE: Omit<EngineConfig, 'privateKeyProto'> = {
  ...QUIC_DEFAULTS,
  maxIdleTimeout: 300_000,
  keepAliveInterval: 140_000
}

/** Calls that wait for a connection beside those that are expected, which may come in any order. */
const SPARE_TAKERS = 4
/**
 * A connection that was given up in the middle of its handshake may still occupy a call, for as long as the engine waits for one that is silent. So
 * there is a call more for each of them, or a few peers who begin and say no more would keep all others out. At most so many, 140 kB each.
 */
const MAX_GIVEN_UP = 512

/** The QUIC engine of all links of a node: a client that dials loopback ports of the switch, and a server behind them. */
export class LinkEngine {
  readonly #engine: Engine = loadEngine()
  readonly #config: object
  /** Connections that are on their way, by the loopback port that they come from. */
  readonly #expected = new Map<number, (connection: EngineConnection) => void>()
  #client: EngineClient | undefined
  #server: EngineServer | undefined
  readonly #clock: Clock
  #takers = 0
  #givenUp = 0
  #stopped = false

  /** @throws NatError NO_ENGINE */
  constructor(privateKey: PrivateKey, clock: Clock) {
    this.#clock = clock
    const privateKeyProto = privateKeyToProtobuf(privateKey)
    this.#config = new this.#engine.QuinnConfig({ ...LINK_ENGINE, privateKeyProto })
  }

  /** The loopback port that the switch is to bring inbound links to. @throws NatError LINK_CLOSED when it has stopped */
  get serverPort(): number {
    this.#checkRunning()
    this.#server ??= withLargeBuffer(() => new this.#engine.Server(this.#config, '127.0.0.1', 0))
    return this.#server.port()
  }

  /** Has the client's socket and its certificate made now, not in the first connect, which that would take two milliseconds. */
  prepare(): void {
    this.#checkRunning()
    this.#client ??= withLargeBuffer(() => new this.#engine.Client(this.#config, 0))
  }

  /** @throws what the engine failed with; the signal's reason */
  async connect(loopbackPort: number, signal: AbortSignal): Promise<EngineConnection> {
    this.prepare()
    return await raceAbort(this.#client!.outboundConnection('127.0.0.1', loopbackPort), signal)
  }

  /** The connection that comes in by that loopback port. @throws the signal's reason */
  async accept(loopbackPort: number, signal: AbortSignal): Promise<EngineConnection> {
    this.#checkRunning()
    const { promise, resolve } = Promise.withResolvers<EngineConnection>()
    this.#expected.set(loopbackPort, resolve)
    try {
      this.#take()
      return await raceAbort(promise, signal)
    } catch (error) {
      this.#gaveUp()
      throw error
    } finally {
      // the switch gives a port that is free again to the next flow
      if (this.#expected.get(loopbackPort) === resolve) this.#expected.delete(loopbackPort)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#client?.abort()
    const server = this.#server
    this.#client = undefined
    this.#server = undefined
    // the engine waits until its peers have heard of the end, which a dead one never does
    await Promise.race([server?.abort(), new Promise(resolve => setTimeout(resolve, 500).unref())])
  }

  #take(): void {
    const server = this.#server
    if (server == null) throw stopped()
    while (this.#takers < this.#wantedTakers) {
      this.#takers++
      void this.#accept(server)
    }
  }

  get #wantedTakers(): number {
    return this.#expected.size + Math.min(this.#givenUp, MAX_GIVEN_UP) + SPARE_TAKERS
  }

  #gaveUp(): void {
    this.#givenUp++
    this.#clock.after(LINK_ENGINE.maxIdleTimeout, () => this.#givenUp--)
  }

  #checkRunning(): void {
    if (this.#stopped) throw stopped()
  }

  async #accept(server: EngineServer): Promise<void> {
    try {
      const connection = await server.inboundConnection()
      const take = this.#expected.get(quicEndpoint(multiaddr(connection.remoteMultiaddr())).port)
      if (take == null) connection.abort()
      else take(connection)
    } catch {
      // a handshake that failed, or the server has stopped
    }
    this.#takers--
    if (server === this.#server && this.#takers < this.#wantedTakers) this.#take()
  }
}

function stopped(): NatError {
  return new NatError('LINK_CLOSED', 'the engine of the links has stopped')
}
