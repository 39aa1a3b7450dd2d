import { type Connection, type PeerId, type Startable, type Stream, serviceDependencies } from '@libp2p/interface'
import { Allowance } from '../../core/allowance.ts'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import type { Attempt } from '../../traversal/attempt.ts'
import { OPENING_ALLOWANCE } from '../../traversal/opening.ts'
import type { Side } from '../../traversal/upgrade.ts'
import { DCUTR_PROTOCOL } from '../../wire/dcutr.ts'
import { LINK_PROTOCOL } from '../../wire/link.ts'
import { endpointOf } from '../candidate.ts'
import { ObservedAddresses } from '../observed.ts'
import { Observers } from '../observers.ts'
import type { Dcutr, DcutrEvents, DcutrOptions } from './api.ts'
import { type Context, type DcutrComponents, DIAL_ALLOWANCE, EXCHANGE_ALLOWANCE, MAX_SESSIONS } from './context.ts'
import { initiate } from './initiator.ts'
import { receive } from './receiver.ts'
import { retire } from './retire.ts'
import { Session, type Upgrade } from './session.ts'

export class DcutrService implements Dcutr, Startable {
  readonly [serviceDependencies]: string[] = ['@libp2p/identify']
  readonly events = new Events<DcutrEvents>()
  readonly observed: ObservedAddresses
  readonly #components: DcutrComponents
  readonly #options: DcutrOptions
  readonly #context: Context
  readonly #observers: Observers
  readonly #exchanges = new Allowance(EXCHANGE_ALLOWANCE)
  readonly #sessions = new Map<string, Session>()
  #stopping = new AbortController()

  constructor(components: DcutrComponents, options: DcutrOptions) {
    this.#components = components
    this.#options = options
    this.observed = new ObservedAddresses(components, options)
    this.#context = {
      components,
      log: components.logger.forComponent('beeline:dcutr'),
      clock: options.clock,
      random: options.random,
      allowPrivate: options.allowPrivate,
      techniques: options.techniques && new Set(options.techniques),
      observed: this.observed,
      openings: new Allowance(OPENING_ALLOWANCE),
      dials: new Allowance(DIAL_ALLOWANCE)
    }
    const { clock, random, log, techniques } = this.#context
    const allowed = techniques == null ? {} : { techniques }
    this.#observers = new Observers({ components, clock, random, log, ...allowed })
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController()
    this.observed.start()
    this.#observers.start()
    this.#components.events.addEventListener('connection:open', this.#onOpen)
    this.#components.events.addEventListener('connection:close', this.#onClose)
    await this.#components.registrar.handle(DCUTR_PROTOCOL, this.#onStream, {
      runOnLimitedConnection: true,
      // one is in use, one may be the next round's; what is beyond is a flood, and libp2p resets it
      maxInboundStreams: 2,
      maxOutboundStreams: 2
    })
  }

  async stop(): Promise<void> {
    await this.#components.registrar.unhandle(DCUTR_PROTOCOL)
    this.#components.events.removeEventListener('connection:open', this.#onOpen)
    this.#components.events.removeEventListener('connection:close', this.#onClose)
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
    const sessions = [...this.#sessions.values()]
    for (const session of sessions) session.stop()
    await Promise.all(sessions.map(({ ended }) => ended))
    this.#observers.stop()
    this.observed.stop()
  }

  networkChanged(): void {
    this.observed.networkChanged()
    this.#observers.networkChanged()
  }

  async upgrade(peer: PeerId, { signal }: { signal?: AbortSignal } = {}): Promise<Upgrade> {
    signal?.throwIfAborted()
    const connections = this.#components.connectionManager
      .getConnections(peer)
      .filter(({ status, multiplexer }) => status === 'open' && multiplexer !== LINK_PROTOCOL)
    const direct = connections.find(connection => connection.direct)
    const running = this.#sessions.get(peer.toString())
    if (running == null && direct != null) {
      return { outcome: 'direct', connection: direct, technique: 'direct', attempts: [] }
    }
    const relayed = connections.find(connection => !connection.direct)
    const session = running ?? (relayed && this.#begin(relayed))
    if (session == null) {
      throw new NatError(
        'LINK_CLOSED',
        `there is no relayed connection to ${peer} to upgrade: connect over a relay first`
      )
    }
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    return Promise.race([this.#outcome(session), promise]).finally(() => signal?.removeEventListener('abort', onAbort))
  }

  /** What came of a session, and of the one that went on over another relayed connection when its own had closed. */
  async #outcome(session: Session): Promise<Upgrade> {
    const upgrade = await session.ended
    const next = upgrade.outcome === 'relayed' ? this.#sessions.get(session.peer.toString()) : undefined
    if (next == null) return upgrade
    const after = await this.#outcome(next)
    return { ...after, attempts: [...upgrade.attempts, ...after.attempts] }
  }

  #onOpen = ({ detail: connection }: CustomEvent<Connection>): void => {
    // a link finds direct paths by itself
    if (connection.multiplexer === LINK_PROTOCOL) return
    const session = this.#sessions.get(connection.remotePeer.toString())
    if (connection.direct) void session?.offer(connection)
    else if (session != null) session.meet(connection)
    else if (!this.#isDirect(connection.remotePeer)) this.#begin(connection)
  }

  #onClose = ({ detail: connection }: CustomEvent<Connection>): void => {
    const session = this.#sessions.get(connection.remotePeer.toString())
    if (session?.relayed === connection) session.relayClosed()
  }

  #onStream = (stream: Stream, connection: Connection): void => {
    // only the side that made a relayed connection is asked, and only over that connection (go-libp2p and rust-libp2p
    // refuse the rest, too)
    const relayed = !connection.direct && connection.multiplexer !== LINK_PROTOCOL
    const wanted = relayed && connection.direction === 'outbound'
    const key = connection.remotePeer.toString()
    if (!wanted || !this.#exchanges.take(key, this.#context.clock.now())) {
      stream.abort(new NatError('LIMIT', 'no DCUtR exchange is expected here'))
      return
    }
    const session = this.#sessions.get(key) ?? this.#begin(connection)
    if (session == null || !session.deliver(stream, connection))
      stream.abort(new NatError('LIMIT', 'one exchange at a time'))
  }

  #isDirect(peer: PeerId): boolean {
    return this.#components.connectionManager
      .getConnections(peer)
      .some(({ direct, status }) => direct && status === 'open')
  }

  #begin(relayed: Connection): Session | undefined {
    if (this.#stopping.signal.aborted) return undefined
    const peer = relayed.remotePeer
    const key = peer.toString()
    if (this.#sessions.size >= MAX_SESSIONS) {
      const side = relayed.direction === 'inbound' ? 'initiator' : 'receiver'
      this.#tell(peer, side, { technique: 'punch-quic', outcome: 'skipped', reason: 'busy', ms: 0 })
      return undefined
    }
    const session: Session = new Session(this.#context, {
      relayed,
      onAttempt: attempt => this.#tell(peer, session.side, attempt),
      onLoser: connection => this.#onLoser(connection)
    })
    this.#sessions.set(key, session)
    void session.ended.then(upgrade => {
      this.#sessions.delete(key)
      if (upgrade.outcome === 'direct') this.#onDirect(session, upgrade)
      else this.#tryElsewhere(session)
    })
    void this.#run(session)
    return session
  }

  async #run(session: Session): Promise<void> {
    try {
      // a session changes sides once at most: towards the peer with the smaller id
      while (!session.finished) await (session.side === 'initiator' ? initiate : receive)(this.#context, session)
    } catch (error) {
      this.#context.log.error('the upgrade of %p broke off - %e', session.peer, error)
      session.conclude()
      session.finish()
    }
  }

  #tell(peer: PeerId, side: Side, attempt: Attempt): void {
    const { technique, outcome, reason, detail } = attempt
    this.#context.log('%s to %p: %s, %s%s', technique, peer, outcome, reason, detail == null ? '' : ` (${detail})`)
    this.events.emit('attempt', { peer, side, attempt })
  }

  /** The relay went away in the middle, but there is a connection over another one. */
  #tryElsewhere({ peer, relayed }: Session): void {
    if (relayed.status === 'open' || this.#isDirect(peer)) return
    const other = this.#components.connectionManager.getConnections(peer).find(({ status }) => status === 'open')
    if (other != null) this.#begin(other)
  }

  #onDirect(session: Session, { connection, technique }: Extract<Upgrade, { outcome: 'direct' }>): void {
    const { peer, side } = session
    this.#exchanges.restore(peer.toString())
    // it answered, so it is no bystander
    const host = endpointOf(connection.remoteAddr)?.address
    if (host != null) this.#context.openings.restore(host)
    this.#context.log('%p is direct at %a', peer, connection.remoteAddr)
    const relayed = this.#components.connectionManager.getConnections(peer).filter(({ direct }) => !direct)
    this.events.emit('direct', { peer, side, connection, technique, relayed })
    if (this.#options.closeRelay === 'when-idle') for (const each of relayed) this.#retire(each)
  }

  /** Only the side that made it closes it: the other may have chosen it for its winner, and would then have streams on it. */
  #onLoser(connection: Connection): void {
    if (connection.direction === 'outbound') this.#retire(connection)
  }

  #retire(connection: Connection): void {
    void retire(connection, this.#context.clock, this.#stopping.signal)
  }
}
