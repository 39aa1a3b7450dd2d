import type { Connection, Libp2pEvents, PeerId, Startable, Stream, UpgraderOptions } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import { Allowance } from '../../core/allowance.ts'
import { type Clock, realClock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import { type Random, secureRandom } from '../../core/random.ts'
import type { TechniqueName } from '../../traversal/attempt.ts'
import { Budget } from '../../traversal/link/budget.ts'
import type { Experience } from '../../traversal/link/ground.ts'
import { BYSTANDER_ALLOWANCE } from '../../traversal/paths/limits.ts'
import type { Technique } from '../../traversal/technique.ts'
import { BUILT_IN } from '../../traversal/techniques/index.ts'
import { PATH_PROTOCOL } from '../../wire/path.ts'
import type { CircuitLinks, InboundCircuit } from '../circuit/context.ts'
import type { TokenFor } from '../circuit/hop.ts'
import { retire } from '../dcutr/retire.ts'
import { QuicTransport } from '../quic/transport.ts'
import { Timeline } from '../timeline.ts'
import { acceptPipe } from './accept.ts'
import type { ConnectToRelay } from './attach.ts'
import type { CandidateSource, LinksComponents, LinksContext, SummarySource } from './context.ts'
import { dialLink } from './dial.ts'
import { LinkEngine } from './engine.ts'
import { Foreigners } from './foreigners.ts'
import { SwitchGround } from './ground.ts'
import { Pending } from './pending.ts'
import { punchTcp } from './punch-tcp.ts'
import { rehearse } from './rehearsal.ts'
import { Relaying } from './relaying.ts'
import type { LinkSession } from './session.ts'
import { Sessions } from './sessions.ts'

export interface LinksOptions {
  readonly candidates: CandidateSource
  /** As for DCUtR. @default false */
  readonly allowPrivate?: AllowPrivate
  /** Names of what may be tried to get a direct path. @default everything */
  readonly techniques?: readonly TechniqueName[]
  /** What there is to be tried. @default what is built in */
  readonly registered?: readonly Technique[]
  /** What is known of our own network; the other side is told. @default nothing */
  readonly summary?: SummarySource
  /** What found paths between the same networks before. @default nobody knows */
  readonly experience?: Experience
  /** The relays that a link to that peer may be taken to when the one that it is at goes; without a peer, our own hubs. */
  readonly relays: (peer?: PeerId) => readonly Multiaddr[]
  /** @default the machine's */
  readonly clock?: Clock
  /** @default secure */
  readonly random?: Random
}

export type LinksEvents = {
  /** A link's connection is there. */
  session: LinkSession
  /** A link hears nothing by the path that it has: perhaps we cannot be reached as before. */
  suspect: undefined
}

const UNKNOWN_NETWORK: SummarySource = { current: () => undefined, onChange: () => () => {} }

/**
 * Links: between two nodes that know them, one QUIC connection over whatever path there is (docs/path-protocol.md).
 *
 * ```ts
 * const links = new Links({ candidates, relays })
 * createLibp2p({ transports: [quic(), circuitRelay({ links })], services: { links: links.service } })
 * ```
 */
export class Links implements CircuitLinks {
  readonly events = new Events<LinksEvents>()
  readonly #options: LinksOptions
  readonly #clock: Clock
  readonly #relaying = new WeakMap<LinkSession, Relaying>()
  readonly #foreigners: Foreigners
  #running:
    | { readonly context: LinksContext; readonly sessions: Sessions; readonly stopping: AbortController }
    | undefined
  readonly #pending = new Pending()
  /** How a relay is connected to; the circuit transport says it. */
  connectTo: ConnectToRelay = () => Promise.reject(new NatError('UNSUPPORTED', 'no circuit transport uses these links'))
  /** What a relay is shown; it says this, too. */
  tokenFor: TokenFor = () => undefined

  constructor(options: LinksOptions) {
    this.#options = options
    this.#clock = options.clock ?? realClock
    this.#foreigners = new Foreigners(this.#clock)
  }

  /** To be given to libp2p as a service. */
  readonly service = (components: LinksComponents & { readonly events: TypedEventTarget<Libp2pEvents> }): Startable => {
    const onConnection = ({ detail }: CustomEvent<Connection>) => this.#running?.sessions.onConnection(detail)
    return {
      start: async () => {
        components.events.addEventListener('connection:open', onConnection)
        await components.registrar.handle(PATH_PROTOCOL, this.#onStream, {
          runOnLimitedConnection: true,
          maxInboundStreams: 2,
          maxOutboundStreams: 2
        })
        await this.#start(components)
      },
      // while hubs and sockets are still there, by which half-made links can say that they are over; QUIC's transport closes the others
      beforeStop: () => this.#running?.stopping.abort(new NatError('LINK_CLOSED', 'the node stops')),
      stop: async () => {
        components.events.removeEventListener('connection:open', onConnection)
        await components.registrar.unhandle(PATH_PROTOCOL)
        await this.#stop()
      }
    }
  }

  /** The link that libp2p knows as this connection. */
  of(connection: Connection): LinkSession | undefined {
    return this.#running?.sessions.of(connection)
  }

  /** All links that there are. */
  all(): readonly LinkSession[] {
    return [...(this.#running?.sessions.all() ?? [])]
  }

  /** Our network has changed: all links look for new paths. */
  networkChanged(): void {
    for (const session of this.all()) session.feed({ type: 'network-changed' })
  }

  /** There is a new connection to a hub: links that look for a relay look again. */
  hubBack(): void {
    for (const session of this.all()) this.#relaying.get(session)?.hubBack()
  }

  /** Whether a link to that peer is worth trying: not when it was found to know none, nor before we have started. */
  fits(target: PeerId): boolean {
    return this.#running != null && !this.#foreigners.has(target.toString())
  }

  /** @throws NatError UNSUPPORTED when the other side knows no links, and what else a dial throws */
  async dial(
    relay: Connection,
    address: Multiaddr,
    target: PeerId,
    timeline: Timeline,
    options: UpgraderOptions
  ): Promise<Connection> {
    if (this.#running == null) throw new NatError('LINK_CLOSED', 'the node has stopped')
    const { context, sessions, stopping } = this.#running
    const onForeign = (certain: boolean) => this.#foreigners.add(target.toString(), certain)
    const signal = AbortSignal.any([options.signal, stopping.signal])
    return await dialLink(context, sessions, { relay, address, target, timeline, onForeign }, { ...options, signal })
  }

  newTimeline(): Timeline {
    return new Timeline(() => this.#clock.now())
  }

  async accept(inbound: InboundCircuit, signal: AbortSignal): Promise<void> {
    if (this.#running == null) throw new NatError('LINK_CLOSED', 'the node has stopped')
    const { context, sessions, stopping } = this.#running
    const known = sessions.hasPeer(inbound.peer)
    const release = this.#pending.take(inbound.relay.remotePeer.toString(), inbound.peer.toString(), known)
    try {
      await acceptPipe(context, sessions, inbound, AbortSignal.any([signal, stopping.signal]))
    } finally {
      release()
    }
  }

  async #start(components: LinksComponents): Promise<void> {
    const transport = components.transportManager.getTransports().find(each => each instanceof QuicTransport)
    // without QUIC there are no links, and everybody is foreign
    if (transport == null) return
    const { candidates, allowPrivate = false, techniques, relays, random = secureRandom } = this.#options
    const { registered = BUILT_IN, summary = UNKNOWN_NETWORK, experience } = this.#options
    const log = components.logger.forComponent('beeline:links')
    // while the switch's thread starts
    rehearse(components.privateKey, components.peerId).catch(error => log('the first link will be slow - %e', error))
    const packetSwitch = await transport.packetSwitch()
    const sockets = () =>
      [...transport.listeners].flatMap(({ socket }) =>
        socket == null ? [] : [{ socket: socket.socket, family: socket.family }]
      )
    const context: LinksContext = {
      components,
      log,
      clock: this.#clock,
      random,
      engine: new LinkEngine(components.privateKey, this.#clock),
      packetSwitch,
      candidates,
      allowPrivate,
      techniques: techniques && new Set(techniques),
      bystanders: new Allowance(BYSTANDER_ALLOWANCE),
      pipes: new Map(),
      registered,
      summary,
      experience,
      budget: new Budget(),
      ground: new SwitchGround({ packetSwitch, sockets, relays, clock: this.#clock, random }),
      sockets,
      relays,
      tokenFor: this.tokenFor
    }
    context.engine.prepare()
    const sessions = new Sessions(context)
    const stopping = new AbortController()
    this.#running = { context, sessions, stopping }
    sessions.events.on('session', session => {
      const connectTo: ConnectToRelay = (relay, signal) => this.connectTo(relay, signal)
      this.#relaying.set(session, new Relaying(context, session, connectTo, stopping.signal))
      session.events.on('suspect', () => this.events.emit('suspect', undefined))
      session.events.on('punch-tcp', event => void punchTcp(context, session, event, stopping.signal))
      this.#retireDouble(context, session, stopping.signal)
      this.events.emit('session', session)
    })
  }

  async #stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.sessions.close()
    await running?.context.engine.stop()
  }

  readonly #onStream = (stream: Stream, connection: Connection): void => {
    if (this.#running == null) stream.abort(new NatError('LINK_CLOSED', 'the node stops'))
    else this.#running.sessions.onStream(stream, connection)
  }

  /**
   * Both sides have dialled at once, and there are two links. New streams go by that of the peer with the smaller id; whoever has dialled the other
   * one closes it when nothing runs on it.
   */
  #retireDouble({ components, clock }: LinksContext, session: LinkSession, signal: AbortSignal): void {
    if (components.peerId.toString() < session.peer.toString()) return
    const both = this.all().filter(({ peer, connection }) => peer.equals(session.peer) && connection != null)
    if (!both.some(({ role }) => role === 'controlled')) return
    for (const { role, connection } of both) {
      if (role === 'controlling' && connection != null) void retire(connection, clock, signal)
    }
  }
}
