import {
  AbortError,
  type ComponentLogger,
  type Connection,
  type ConnectionProtector,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type Logger,
  type Metrics,
  serviceCapabilities,
  type Transport,
  transportSymbol
} from '@libp2p/interface'
import { type TCPOptions, tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { TCP as TCP_ADDRESS } from '@multiformats/multiaddr-matcher'
import { type Clock, realClock } from '../../core/clock.ts'
import { scoped } from '../../core/deadline.ts'
import { secureRandom } from '../../core/random.ts'
import type { PathCandidate } from '../../wire/path.ts'
import { endpointOf } from '../candidate.ts'
import { type PunchableTransport, type PunchDialOptions, type Puncher, punchable } from '../punchable.ts'
import { Door } from './door.ts'
import { DialPort } from './port.ts'
import { connectSimultaneously } from './punch.ts'
import { type RawPunched, type RawPunchOptions, rawPunch } from './raw-punch.ts'
import type { PortSharing } from './sharing.ts'
import { Targets } from './targets.ts'
import { type Outbound, upgraderFor } from './upgrader.ts'

export interface TcpComponents {
  readonly logger: ComponentLogger
  readonly metrics?: Metrics
  /** Of private networks: it encrypts everything, the negotiation too. */
  readonly connectionProtector?: ConnectionProtector
}

export interface TcpOptions extends TCPOptions {
  /** @default the machine's */
  readonly clock?: Clock
}

type DialOptions = DialTransportOptions & PunchDialOptions

/** What the system says when it does not let this port go to that address, or at all. */
const PORT_REFUSED: ReadonlySet<unknown> = new Set(['EADDRINUSE', 'EADDRNOTAVAIL'])

/**
 * js-libp2p's TCP, whose dials all leave from one local port: what a relay sees of it is what a peer can punch. Listeners are
 * on ports of their own, because a port that is listened on cannot be dialled from.
 */
export class TcpTransport implements PunchableTransport {
  readonly [transportSymbol] = true as const
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly [Symbol.toStringTag] = 'beeline-tcp'
  readonly [punchable]: Puncher
  readonly #stock: Transport
  readonly #clock: Clock
  readonly #bare: boolean
  readonly #log: Logger
  readonly #port = new DialPort()
  #targets = new Targets()
  readonly #door: Door
  readonly #listeners = new Set<Listener>()
  /** The local port that each of our connections left from. */
  readonly #leftFrom = new WeakMap<Connection, number>()

  constructor(components: TcpComponents, { clock = realClock, ...options }: TcpOptions = {}) {
    this.#stock = tcp(options)(components)
    this.#clock = clock
    this.#door = new Door(clock)
    this.#bare = components.connectionProtector == null
    this.#log = components.logger.forComponent('beeline:tcp')
    this[punchable] = {
      technique: 'punch-tcp',
      simultaneous: true,
      canPunch: address =>
        this.#port.sharing?.ok !== false && TCP_ADDRESS.exactMatch(address) && endpointOf(address) != null,
      observes: connection => this.#port.current != null && this.#leftFrom.get(connection) === this.#port.current,
      onMoved: listener => this.#port.events.on('moved', listener)
    }
    this.#port.events.on('moved', () => {
      this.#targets = new Targets()
    })
  }

  /** Whether this system lets TCP be punched, and if not, why; undefined before the first dial. */
  get sharing(): PortSharing | undefined {
    return this.#port.sharing
  }

  /**
   * Dials from the common local port; with `punch`, until the other side's SYN has met ours.
   *
   * @throws what the socket failed with; with `punch` EADDRNOTAVAIL when the port is used up towards that address, and then
   *   the next dial leaves from another; AbortError
   */
  async dial(address: Multiaddr, options: DialOptions): Promise<Connection> {
    if (options.signal?.aborted === true) throw new AbortError()
    const localPort = await this.#port.take()
    const { punch = false, role = 'client', onMet, ...rest } = options
    let met = false
    const meet = () => {
      met = true
      onMet?.()
    }
    const dial = (from: number | undefined) =>
      this.#dialFrom(from, address, rest, punch ? { role, onMet: meet } : { onMet: meet })
    try {
      if (!punch) return await dial(localPort)
      this.#targets.yield(address)
      return await connectSimultaneously(
        () => dial(localPort),
        () => met,
        this.#clock,
        options.signal
      )
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (localPort == null || !PORT_REFUSED.has(code)) throw error
      // where we are connected already the port is as good as before, and no peer has to be told another one
      if (!punch && code === 'EADDRNOTAVAIL' && this.#targets.has(address)) return await dial(undefined)
      this.#log('the system refuses port %d towards %a (%s), another one is taken', localPort, address, code)
      this.#port.refused(localPort)
      // a peer that punches expects us from the old port: it has to be told the new one first
      if (punch) throw error
      return await dial(await this.#port.take())
    }
  }

  /**
   * Makes a TCP connection that is not libp2p's but carries a link's datagrams: from the common local port to all of these, at
   * the moment in which the other side does the same, and by our listeners. Never throws. When the port is used up towards one
   * of them, the next connects leave from another.
   */
  async punchRaw(candidates: readonly PathCandidate[], options: RawPunchOptions): Promise<RawPunched> {
    if (!this.#bare) {
      return {
        ok: false,
        reason: 'no-transport',
        ms: 0,
        detail: 'in a private network all TCP goes through its protector'
      }
    }
    const localPort = await this.#port.take()
    const punched = await rawPunch(candidates, {
      ...options,
      localPort,
      targets: this.#targets,
      door: this.#door,
      listening: this.#listeners.size > 0,
      clock: this.#clock,
      random: secureRandom
    })
    if (!punched.ok && punched.reason === 'port-taken' && localPort != null) this.#port.refused(localPort)
    return punched
  }

  createListener(options: CreateListenerOptions): Listener {
    const admit = this.#bare ? this.#door : undefined
    const listener = this.#stock.createListener({ ...options, upgrader: upgraderFor(options.upgrader, {}, admit) })
    listener.addEventListener('listening', () => this.#listeners.add(listener))
    listener.addEventListener('close', () => this.#listeners.delete(listener))
    return listener
  }

  readonly listenFilter = (addresses: Multiaddr[]): Multiaddr[] => this.#stock.listenFilter(addresses)
  readonly dialFilter = (addresses: Multiaddr[]): Multiaddr[] => this.#stock.dialFilter(addresses)

  async #dialFrom(
    localPort: number | undefined,
    address: Multiaddr,
    options: DialTransportOptions,
    outbound: Outbound
  ): Promise<Connection> {
    const bare = this.#bare
    if (localPort == null || hasNoPort(address)) {
      const upgrader = upgraderFor(options.upgrader, { ...outbound, bare })
      // Node keeps the signal of a connect for the life of the socket
      return await scoped(options.signal, signal => this.#stock.dial(address, { ...options, upgrader, signal }))
    }
    const target = this.#targets.open(address)
    const onMet = () => {
      target.answered()
      outbound.onMet?.()
    }
    const upgrader = upgraderFor(options.upgrader, { ...outbound, onMet, bare })
    const from = { localPort }
    try {
      const connection = await scoped(AbortSignal.any([options.signal, target.signal]), signal =>
        this.#stock.dial(address, { ...options, ...from, upgrader, signal })
      )
      this.#leftFrom.set(connection, localPort)
      connection.addEventListener('close', target.close, { once: true })
      return connection
    } catch (error) {
      target.close()
      throw error
    }
  }
}

/** A Unix socket has none to leave from. */
function hasNoPort(address: Multiaddr): boolean {
  return address.toString().startsWith('/unix/')
}
