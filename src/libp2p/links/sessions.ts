import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import type { Path } from '../../socket/path.ts'
import { checkTarget } from '../../traversal/paths/checks.ts'
import { LINK_PROTOCOL } from '../../wire/link.ts'
import type { LinksContext, PipeOwner } from './context.ts'
import type { LinkKeys, Told } from './offer.ts'
import { SeenOffers } from './seen-offers.ts'
import { LinkSession, type SessionInit } from './session.ts'

export const SESSIONS = {
  /** Links at once; the switch holds 4,096 flows. */
  inAll: 2_048,
  /** To one peer: both may have dialled, and dialled again before the old link was given up. */
  perPeer: 8
} as const

type MaConnTimeline = Connection['timeline']

export type SessionsEvents = {
  /** A link's connection is there. */
  session: LinkSession
}

/** All links of a node: finds whose a datagram, a check, a stream is. */
export class Sessions {
  readonly events = new Events<SessionsEvents>()
  readonly seenOffers = new SeenOffers()
  readonly #context: LinksContext
  readonly #byTag = new Map<number, LinkSession>()
  readonly #byId = new Map<string, LinkSession>()
  readonly #byFlow = new Map<number, LinkSession>()
  readonly #byConnection = new Map<Connection, LinkSession>()
  readonly #expected = new Map<MaConnTimeline, LinkSession>()
  readonly #off: (() => void)[]
  #nextTag: number
  #over = false

  constructor(context: LinksContext) {
    this.#context = context
    this.#nextTag = context.random.int(0, 0xffff_ffff)
    const { events } = context.packetSwitch
    this.#off = [
      events.on('pipe', ({ pipe, bytes }) => this.#ofPipe(pipe)?.carry(pipe, bytes)),
      events.on('pipe-broken', ({ pipe, reason }) => this.#ofPipe(pipe)?.broken(pipe, reason)),
      events.on('pipe-stun', ({ pipe, bytes }) => this.#stun(bytes, { kind: 'pipe', pipe })),
      events.on('stun', ({ socket, from, bytes }) => this.#stun(bytes, { kind: 'udp', socket, remote: from })),
      events.on('traffic', ({ flow, sent, heard }) => this.#byFlow.get(flow)?.feed({ type: 'traffic', sent, heard }))
    ]
  }

  all(): IterableIterator<LinkSession> {
    return this.#byTag.values()
  }

  /** The link that libp2p knows as this connection. */
  of(connection: Connection): LinkSession | undefined {
    return this.#byConnection.get(connection)
  }

  hasPeer(peer: PeerId): boolean {
    return this.#ofPeer(peer).length > 0
  }

  /** The link of that id to that peer. */
  byId(id: string, peer: PeerId): LinkSession | undefined {
    const session = this.#byId.get(id)
    return session?.peer.equals(peer) === true ? session : undefined
  }

  /** @throws NatError LIMIT; LINK_CLOSED when the node has stopped meanwhile */
  add(init: Omit<SessionInit, 'tag'>): LinkSession {
    if (this.#over) throw new NatError('LINK_CLOSED', 'the node stops')
    if (this.#byTag.size >= SESSIONS.inAll) throw new NatError('LIMIT', `${this.#byTag.size} links: close some first`)
    if (!this.hasRoom(init.peer)) throw tooMany(init.peer)
    while (this.#byTag.has(this.#nextTag)) this.#nextTag = (this.#nextTag + 1) >>> 0
    const tag = this.#nextTag
    this.#nextTag = (tag + 1) >>> 0
    const session = new LinkSession(this.#context, { ...init, tag })
    this.#byTag.set(tag, session)
    this.#byFlow.set(session.flow, session)
    session.events.on('close', () => {
      this.#byTag.delete(tag)
      this.#byFlow.delete(session.flow)
      if (session.keys != null) this.#byId.delete(session.keys.id)
      if (session.connection != null) this.#byConnection.delete(session.connection)
      for (const [timeline, expected] of this.#expected) if (expected === session) this.#expected.delete(timeline)
    })
    return session
  }

  /**
   * Whether there may be one more link to that peer. What relays bring in its name, and nobody has proved to come from there, does not count
   * (pending.ts bounds it); so this is to be asked again when it has.
   */
  hasRoom(peer: PeerId): boolean {
    return this.#ofPeer(peer).length < SESSIONS.perPeer
  }

  agree(session: LinkSession, keys: LinkKeys, theirs: Told, rttMs?: number): void {
    if (session.over) return
    this.#byId.set(keys.id, session)
    session.agree(keys, theirs, rttMs)
  }

  /** libp2p is about to make a connection of this session's: it is known by its timeline, the one thing that is the same object there. */
  expect(session: LinkSession, timeline: MaConnTimeline): void {
    if (!session.over) this.#expected.set(timeline, session)
  }

  /** libp2p has a new connection. */
  onConnection(connection: Connection): void {
    if (connection.multiplexer !== LINK_PROTOCOL) return
    const session = this.#expected.get(connection.timeline)
    if (session == null) return
    this.#expected.delete(connection.timeline)
    this.#byConnection.set(connection, session)
    session.opened(connection)
    if (!session.over) this.events.emit('session', session)
  }

  /** The other side has opened a path stream. */
  onStream(stream: Stream, connection: Connection): void {
    const session = this.#byConnection.get(connection)
    if (session?.role === 'controlled') session.take(stream)
    else stream.abort(new NatError('UNSUPPORTED', 'there is no link here whose paths could be agreed'))
  }

  close(): void {
    this.#over = true
    for (const off of this.#off) off()
    for (const session of [...this.#byTag.values()]) session.close()
  }

  /** Those that are there, or that we are making. */
  #ofPeer(wanted: PeerId): readonly LinkSession[] {
    const all = [...this.#byTag.values()].filter(({ peer }) => peer.equals(wanted))
    return all.filter(({ role, connection }) => role === 'controlling' || connection != null)
  }

  #ofPipe(pipe: number): PipeOwner | undefined {
    return this.#context.pipes.get(pipe)
  }

  #stun(bytes: Uint8Array, from: Path): void {
    const target = checkTarget(bytes)
    if (target == null) return
    const session = 'link' in target ? this.#byId.get(target.link) : this.#byTag.get(target.tag)
    session?.feed({ type: 'packet', bytes, from })
  }
}

export function tooMany(peer: PeerId): NatError {
  return new NatError('LIMIT', `${SESSIONS.perPeer} links to ${peer}: close some first`)
}
