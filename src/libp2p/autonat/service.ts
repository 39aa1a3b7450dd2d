import type {
  ComponentLogger,
  Connection,
  IdentifyResult,
  Libp2pEvents,
  Logger,
  Startable,
  Stream
} from '@libp2p/interface'
import { serviceDependencies } from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar, TransportManager } from '@libp2p/interface-internal'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import type { Timer } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import { mayReach } from '../../core/ip.ts'
import { DIAL_BACK_PROTOCOL, DIAL_REQUEST_PROTOCOL } from '../../wire/autonat.ts'
import { endpointOf } from '../candidate.ts'
import { ObservedAddresses } from '../observed.ts'
import type { Autonat, AutonatEvents, AutonatSettings, NetworkReachability } from './api.ts'
import { ask } from './ask.ts'
import { CHECKS, Checks, type Verdict } from './checks.ts'
import { DialBacks } from './dial-backs.ts'

export interface AutonatComponents {
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly registrar: Registrar
  readonly connectionManager: ConnectionManager
  readonly transportManager: TransportManager
  readonly addressManager: AddressManager
  readonly logger: ComponentLogger
}

/** Candidates and observations come in flocks; a moment later they are all there. */
const SETTLE_MS = 200
/** js-libp2p has no use for it yet, but shows it. */
const CONFIRMED_MS = 2 * CHECKS.holdsMs
const CANDIDATES_CHANGE = ['transport:listening', 'transport:close'] as const

export class AutonatClient implements Autonat, Startable {
  readonly [serviceDependencies]: string[] = ['@libp2p/identify']
  readonly events = new Events<AutonatEvents>()
  readonly #components: AutonatComponents
  readonly #settings: AutonatSettings
  readonly #log: Logger
  readonly #observed: ObservedAddresses
  #checks: Checks
  readonly #dialBacks = new DialBacks()
  /** Connections to peers that answer; the one that was asked last is at the end. */
  readonly #servers = new Set<Connection>()
  #reachability: NetworkReachability = { ip4: 'unknown', ip6: 'unknown' }
  #stopping = new AbortController()
  #timer: Timer | undefined
  #offMapped = () => {}
  #mapped: ReadonlySet<string> = new Set()
  #asking = false

  constructor(components: AutonatComponents, settings: AutonatSettings) {
    this.#components = components
    this.#settings = settings
    this.#log = components.logger.forComponent('beeline:autonat')
    this.#observed = new ObservedAddresses(components, settings)
    this.#checks = new Checks(settings.random)
  }

  get reachability(): NetworkReachability {
    return this.#reachability
  }

  get addresses() {
    return this.#checks.list()
  }

  networkChanged(): void {
    const nowMs = this.#settings.clock.now()
    this.#observed.networkChanged()
    this.#servers.clear()
    for (const { address } of this.#checks.list()) this.#checks.again(address, nowMs)
    this.#onChange()
  }

  async start(): Promise<void> {
    const { events, registrar } = this.#components
    this.#stopping = new AbortController()
    this.#checks = new Checks(this.#settings.random)
    // first, so that what an identify tells is noted when we hear of it
    this.#observed.start()
    events.addEventListener('peer:identify', this.#onIdentify)
    events.addEventListener('connection:close', this.#onClose)
    for (const each of CANDIDATES_CHANGE) events.addEventListener(each, this.#onChange)
    this.#offMapped = this.#settings.mapped?.onChange(this.#onMapped) ?? this.#offMapped
    const take = (stream: Stream, connection: Connection) =>
      this.#dialBacks.take(stream, connection, this.#settings.clock)
    await registrar.handle(DIAL_BACK_PROTOCOL, take, { maxInboundStreams: 2 })
  }

  async stop(): Promise<void> {
    const { events, registrar } = this.#components
    await registrar.unhandle(DIAL_BACK_PROTOCOL)
    events.removeEventListener('peer:identify', this.#onIdentify)
    events.removeEventListener('connection:close', this.#onClose)
    for (const each of CANDIDATES_CHANGE) events.removeEventListener(each, this.#onChange)
    this.#offMapped()
    this.#observed.stop()
    this.#timer?.cancel()
    this.#mapped = new Set()
    this.#servers.clear()
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
  }

  readonly #onIdentify = ({ detail: { connection, protocols } }: CustomEvent<IdentifyResult>): void => {
    const { direct, direction, remotePeer } = connection
    const trusted = this.#settings.servers?.has(remotePeer.toString()) ?? true
    const serves = direct && direction === 'outbound' && trusted && protocols.includes(DIAL_REQUEST_PROTOCOL)
    if (serves && connection.status === 'open') this.#servers.add(connection)
    if (direct) this.#onChange()
  }

  readonly #onClose = ({ detail }: CustomEvent<Connection>): void => {
    this.#servers.delete(detail)
  }

  /**
   * Where NAT and mapping preserve the port, servers have seen the address before it was mapped, and may have found it shut;
   * when a mapping has gone they will.
   */
  readonly #onMapped = (): void => {
    const mapped = new Set(this.#settings.mapped?.list())
    for (const address of mapped.symmetricDifference(this.#mapped))
      this.#checks.again(address, this.#settings.clock.now())
    this.#mapped = mapped
    this.#onChange()
  }

  readonly #onChange = (): void => this.#wakeIn(SETTLE_MS)

  #wakeIn(ms: number): void {
    this.#timer?.cancel()
    if (!this.#stopping.signal.aborted) this.#timer = this.#settings.clock.after(ms, () => void this.#work())
  }

  /** Asks about what is due, one address after the other. */
  async #work(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    const { clock } = this.#settings
    try {
      while (!this.#stopping.signal.aborted) {
        for (const lost of this.#checks.update(this.#candidates(), clock.now())) this.#withdraw(lost)
        this.#tell()
        const address = this.#checks.due(clock.now())
        const [server] = this.#servers
        if (address == null || server == null) break
        await this.#check(address, server)
      }
    } finally {
      this.#asking = false
    }
    const nextMs = this.#checks.nextMs()
    if (nextMs != null && this.#servers.size > 0) this.#wakeIn(Math.max(SETTLE_MS, nextMs - clock.now()))
  }

  async #check(address: string, server: Connection): Promise<void> {
    const { clock, random } = this.#settings
    const { signal } = this.#stopping
    const target = multiaddr(address)
    const expected = this.#dialBacks.expect(target, this.#components.connectionManager.getConnections(), random)
    let verdict: Verdict = 'unknown'
    try {
      verdict = await ask(server, target, expected, clock, signal)
    } catch (error) {
      this.#log('%p does not tell about %a - %e', server.remotePeer, target, error as Error)
    } finally {
      expected.forget()
    }
    if (signal.aborted) return
    // the next question goes to another one, if there is another
    if (this.#servers.delete(server) && server.status === 'open') this.#servers.add(server)
    if (!this.#checks.settle(address, verdict, clock.now())) return
    this.#log('%a is %s, says %p', target, verdict, server.remotePeer)
    if (verdict === 'reachable') this.#confirm(address)
    if (verdict === 'unreachable') this.#withdraw(address)
  }

  /**
   * Ports that a router has mapped, then addresses that we listen on, then what servers of ours see; none that is not the
   * listening port.
   */
  #candidates(): readonly string[] {
    const seen = this.#observed
      .list()
      .filter(({ origin, candidate }) => origin === 'asked' && !candidate.puncher.simultaneous)
      .map(({ candidate }) => candidate.multiaddr.toString())
    return [
      ...[...this.#mapped].filter(address => this.#counts(endpointOf(multiaddr(address))?.address ?? '')),
      ...this.#listening(),
      ...seen
    ]
  }

  #listening(): readonly string[] {
    return this.#components.transportManager
      .getAddrs()
      .filter(address => {
        // undefined for a relayed one, of which nothing but the relay's own address would be left below
        const endpoint = endpointOf(address)
        return endpoint != null && endpoint.port !== 0 && this.#counts(endpoint.address)
      })
      .map(address => address.decapsulateCode(CODE_P2P).toString())
  }

  #counts(host: string): boolean {
    return mayReach(host, this.#settings.allowPrivate)
  }

  #confirm(address: string): void {
    this.#components.addressManager.confirmObservedAddr(multiaddr(address), {
      type: this.#listening().includes(address) ? 'transport' : 'observed',
      ttl: CONFIRMED_MS
    })
  }

  #withdraw(address: string): void {
    this.#components.addressManager.removeObservedAddr(multiaddr(address))
  }

  #tell(): void {
    const now = { ip4: this.#checks.reachability('ip4'), ip6: this.#checks.reachability('ip6') }
    if (now.ip4 === this.#reachability.ip4 && now.ip6 === this.#reachability.ip6) return
    this.#reachability = now
    this.events.emit('reachability', now)
  }
}
