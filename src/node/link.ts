import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { Attempt } from '../traversal/attempt.ts'
import { best, type LinkPath, pathOf } from './path.ts'

export type LinkEvents = {
  /** New streams go by another path from now on. */
  path: LinkPath
  /** A technique was tried, or passed over. */
  attempt: Attempt
  /** The last connection to the peer is gone. */
  close: undefined
}

/** A link may live for months, and a peer may begin one upgrade after another. */
const MAX_ATTEMPTS = 64

/** What an application holds: a way to open streams to one peer, by the best path that there is. */
export class Link {
  readonly events = new Events<LinkEvents>()
  /** The latest, oldest first. */
  readonly attempts: Attempt[] = []
  readonly #node: Libp2p
  readonly #peer: PeerId
  #path: LinkPath | undefined
  #winner: Connection | undefined

  constructor(node: Libp2p, peer: PeerId) {
    this.#node = node
    this.#peer = peer
    this.#path = this.#current()
  }

  get peer(): string {
    return this.#peer.toString()
  }

  /** Absent when there is no connection to the peer any more. */
  get path(): LinkPath | undefined {
    return this.#path
  }

  /**
   * Opens a stream on the best path.
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

  async close(): Promise<void> {
    await this.#node.hangUp(this.#peer)
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
  refresh(): void {
    const path = this.#current()
    const before = this.#path
    this.#path = path
    if (path == null) {
      if (before != null) this.events.emit('close', undefined)
    } else if (path.kind !== before?.kind || path.remote !== before.remote || path.transport !== before.transport) {
      this.events.emit('path', path)
    }
  }

  #current(): LinkPath | undefined {
    const connection = this.#best()
    return connection == null ? undefined : pathOf(connection)
  }

  #best(): Connection | undefined {
    return best(this.#node.getConnections(this.#peer), this.#winner)
  }
}
