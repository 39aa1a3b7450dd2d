import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { PathChange } from '../libp2p/links/history.ts'
import type { Links } from '../libp2p/links/links.ts'
import type { LinkSession } from '../libp2p/links/session.ts'
import type { TimelineEntry } from '../libp2p/timeline.ts'
import type { Attempt } from '../traversal/attempt.ts'
import type { Explanation, LookupFinding } from '../traversal/explain.ts'
import type { Traversal } from '../traversal/link/traversal.ts'
import type { KnownPath } from '../traversal/paths/api.ts'
import { explainLink } from './explain-link.ts'
import type { ForeignTraversal } from './foreign-traversal.ts'
import { best, type LinkPath, pathOf } from './path.ts'

/** The path that a link goes by, and why: of a link to a peer of another kind only the path is known. */
export type LinkPathEvent = LinkPath & Partial<PathChange>

export type LinkEvents = {
  /** Everything goes by another path from now on; to a peer of another kind, new streams do. */
  path: LinkPathEvent
  /** A technique was tried, or passed over. */
  attempt: Attempt
  /** The last connection to the peer is gone. */
  close: undefined
}

/** A link may live for months, and a peer may begin one upgrade after another. */
const MAX_ATTEMPTS = 64
const MAX_HISTORY = 256

/** What an application holds: a way to open streams to one peer, by the best path that there is. */
export class Link {
  readonly events = new Events<LinkEvents>()
  /** The latest, oldest first. */
  readonly attempts: Attempt[] = []
  /** The paths that it went by, the latest last. */
  readonly history: LinkPathEvent[] = []
  readonly #node: Libp2p
  readonly #links: Links
  readonly #peer: PeerId
  readonly #adopted = new WeakSet<LinkSession>()
  readonly #settlings = new Events<{ settled: undefined }>()
  #foreign: ForeignTraversal | undefined
  #path: LinkPath | undefined
  #winner: Connection | undefined
  #lookups: () => readonly LookupFinding[] = () => []

  constructor(node: Libp2p, links: Links, peer: PeerId) {
    this.#node = node
    this.#links = links
    this.#peer = peer
    for (const connection of node.getConnections(peer)) {
      const session = links.of(connection)
      if (session != null) this.adopt(session)
    }
    this.refresh()
  }

  get peer(): string {
    return this.#peer.toString()
  }

  /** Absent when there is no connection to the peer any more. */
  get path(): LinkPath | undefined {
    return this.#path
  }

  /** All paths to the peer that are known, in use or not; of peers of another kind none. */
  get paths(): readonly KnownPath[] {
    return this.#session()?.paths() ?? []
  }

  /** When each step of our connect was done; empty where the other side connected, or is of another kind. */
  get timeline(): readonly TimelineEntry[] {
    const session = this.#session()
    return session?.role === 'controlling' ? session.timeline.entries : []
  }

  /**
   * Opens a stream. To a node of ours it goes on whatever becomes of the path; to a peer of another kind it stays on the path that is the
   * best one now.
   *
   * @throws NatError LINK_CLOSED; UnsupportedProtocolError when the peer does not speak the protocol
   */
  async openStream(protocol: string, options: { readonly signal?: AbortSignal } = {}): Promise<Stream> {
    const connection = this.#best()
    if (connection == null) {
      throw new NatError('LINK_CLOSED', `there is no connection to ${this.peer} any more: connect again`)
    }
    return await connection.newStream(protocol, { runOnLimitedConnection: true, ...options })
  }

  /** What was tried to get a direct path, in which order, what happened, why, and what would help, as far as it is known by now. */
  explain(): Explanation {
    const { peer, path, attempts, history } = this
    return explainLink({ peer, path, attempts, history, traversal: this.#traversal(), lookups: this.#lookups() })
  }

  async close(): Promise<void> {
    await this.#node.hangUp(this.#peer)
  }

  /**
   * Waits until the path is direct, or each technique that may be tried has been, once. A link to one of our nodes goes on trying after that.
   *
   * @throws the signal's reason
   */
  async settled(signal: AbortSignal): Promise<void> {
    const isOver = () => this.#path?.kind === 'direct' || this.#traversal()?.tried !== false
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onChange = () => isOver() && resolve()
    const onAbort = () => reject(signal.reason)
    const off = [
      ...(['path', 'attempt', 'close'] as const).map(event => this.events.on(event, onChange)),
      this.#settlings.on('settled', onChange)
    ]
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      onChange()
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      for (const each of off) each()
    }
  }

  /** Called by the node when it begins to look for a direct connection to a peer of another kind; once. */
  foreign(begin: () => ForeignTraversal): void {
    if (this.#foreign != null || this.#session() != null || this.#path?.kind !== 'relay') return
    const foreign = begin()
    this.#foreign = foreign
    void foreign.ended.then(() => this.#settlings.emit('settled', undefined))
  }

  #traversal(): Traversal | ForeignTraversal | undefined {
    return this.#session()?.traversal ?? this.#foreign
  }

  /** The connection that goes over changing paths, if the peer is one of ours. */
  get session(): LinkSession | undefined {
    return this.#session()
  }

  /** Called by the node when such a connection is there. */
  adopt(session: LinkSession): void {
    if (this.#adopted.has(session)) return
    this.#adopted.add(session)
    this.history.push(...session.history.changes)
    for (const attempt of session.history.attempts) this.tried(attempt)
    session.events.on('attempt', attempt => this.tried(attempt))
    session.events.on('path', change => this.refresh(change))
    session.events.on('settled', () => this.#settlings.emit('settled', undefined))
    session.events.on('close', () => this.refresh())
    this.refresh(session.path)
  }

  /** Called by the node when it has looked for the peer. @param lookups what hubs have said by now */
  looked(lookups: () => readonly LookupFinding[]): void {
    this.#lookups = lookups
  }

  /** Called by the node when a technique has been tried, or passed over. */
  tried(attempt: Attempt): void {
    this.attempts.push(attempt)
    if (this.attempts.length > MAX_ATTEMPTS) this.attempts.shift()
    this.events.emit('attempt', attempt)
  }

  /** Called by the node when a direct connection has proven itself. */
  won(connection: Connection): void {
    this.#winner = connection
    this.refresh()
  }

  /** Called by the node when a connection to the peer came or went. */
  refresh(change?: PathChange): void {
    const connection = this.#best()
    const path = connection == null ? undefined : pathOf(connection, this.#links.of(connection))
    const before = this.#path
    this.#path = path
    if (path == null) {
      if (before != null) this.events.emit('close', undefined)
      return
    }
    if (path.kind === before?.kind && path.remote === before.remote && path.transport === before.transport) return
    const event = change != null && change.remote === path.remote && change.kind === path.kind ? change : path
    if (this.history.at(-1) !== event) this.history.push(event)
    while (this.history.length > MAX_HISTORY) this.history.shift()
    this.events.emit('path', event)
  }

  #session(): LinkSession | undefined {
    const connection = this.#best()
    return connection == null ? undefined : this.#links.of(connection)
  }

  #best(): Connection | undefined {
    const connections = this.#node.getConnections(this.#peer)
    return best(this.#node.peerId.toString(), connections, connection => this.#links.of(connection), this.#winner)
  }
}
