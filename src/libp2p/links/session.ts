import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import type { FlowInfo } from '../../socket/plane.ts'
import type { Traversal } from '../../traversal/link/traversal.ts'
import type { AgentInput, KnownPath } from '../../traversal/paths/api.ts'
import { LIMITS } from '../../traversal/paths/limits.ts'
import { hasLastWords } from '../quic/goodbye.ts'
import type { Timeline } from '../timeline.ts'
import { Carriers } from './carriers.ts'
import type { LinksContext, PipeOwner } from './context.ts'
import type { History, PathChange } from './history.ts'
import { LinkPaths, type PathEvents } from './link-paths.ts'
import type { LinkKeys, Told } from './offer.ts'
import { PathStream } from './path-stream.ts'
import type { Pipe } from './pipe.ts'

export type SessionEvents = PathEvents & {
  close: undefined
}

export interface SessionInit {
  readonly peer: PeerId
  readonly role: 'controlling' | 'controlled'
  readonly flow: FlowInfo
  /** The number that the switch has given the first pipe. */
  readonly pipe: number
  readonly carrier: Pipe
  readonly timeline: Timeline
  /** How the link of an answered check is found. */
  readonly tag: number
}

/** One link, from its first pipe to its end: its QUIC connection, the pipes and the paths under it. */
export class LinkSession implements PipeOwner {
  readonly events = new Events<SessionEvents>()
  readonly peer: PeerId
  readonly role: 'controlling' | 'controlled'
  readonly timeline: Timeline
  readonly tag: number
  connection: Connection | undefined
  keys: LinkKeys | undefined
  /** The last number that each side has attached a pipe with. */
  readonly attached = { theirs: 0, mine: 0 }
  readonly #context: LinksContext
  readonly #flow: FlowInfo
  readonly #carriers: Carriers
  readonly #messages: PathStream
  readonly #paths: LinkPaths
  /**
   * The other side has the connection, too. The client of a QUIC handshake is done first: until the server has read what that says last it may give up, and
   * its engine has no connection yet that it could say so by.
   */
  #shared = false
  #over = false
  /** What the engine has to say after the end has left by a pipe; of a direct path nobody sees it. */
  readonly #said = Promise.withResolvers<void>()

  constructor(context: LinksContext, { peer, role, timeline, tag, flow, pipe, carrier }: SessionInit) {
    this.#context = context
    this.peer = peer
    this.role = role
    this.timeline = timeline
    this.tag = tag
    this.#flow = flow
    this.#carriers = new Carriers(context, this, gone => {
      this.feed({ type: 'pipe-gone', pipe: gone })
      this.#endIfCutOff()
    })
    this.#messages = new PathStream(
      context,
      message => {
        this.#shared = true
        this.#paths.message(message)
      },
      () => this.feed({ type: 'stream' })
    )
    this.#paths = new LinkPaths(context, {
      peer: peer.toString(),
      role,
      flow: flow.flow,
      tag,
      timeline,
      carriers: this.#carriers,
      messages: this.#messages,
      events: this.events,
      onDead: reason => this.end(reason)
    })
    this.#carriers.add(pipe, carrier)
    context.packetSwitch.watch(flow.flow, true)
  }

  get flow(): number {
    return this.#flow.flow
  }

  get over(): boolean {
    return this.#over
  }

  get history(): History {
    return this.#paths.history
  }

  /** The path in use; undefined before the offers have been exchanged. */
  get path(): PathChange | undefined {
    return this.history.changes.at(-1)
  }

  /** All paths that are known, in use or not. */
  paths(): readonly KnownPath[] {
    return this.#paths.all()
  }

  /** How a direct path is looked for; undefined before the offers have been exchanged. */
  get traversal(): Traversal | undefined {
    return this.#paths.traversal
  }

  /** Nothing is heard by any path. */
  get isCutOff(): boolean {
    return this.#paths.isCutOff
  }

  /** The relays whose pipes the link has now. */
  get relays(): readonly string[] {
    return this.#carriers.relays
  }

  /** Both offers are there: checks begin. @param rttMs from our offer to theirs, where ours was the first */
  agree(keys: LinkKeys, theirs: Told, rttMs?: number): void {
    if (this.#over || this.keys != null) return
    this.keys = keys
    this.#paths.begin(keys.checks, theirs, rttMs)
    this.#endIfCutOff()
  }

  /** The handshake is done on our side: the dialler opens the path stream. */
  opened(connection: Connection): void {
    this.connection = connection
    this.timeline.mark('ready')
    if (this.role === 'controlled') this.#shared = true
    connection.addEventListener('close', () => this.close(), { once: true })
    hasLastWords(connection, () => this.#said.promise)
    if (connection.status !== 'open') this.close()
    else if (this.role === 'controlling') this.#messages.open(connection)
  }

  /** The other side has opened the path stream. */
  take(stream: Stream): void {
    this.#messages.take(stream)
  }

  /** Whether its agent would take one more pipe: what that does not know nobody would ever close. */
  get hasRoom(): boolean {
    return this.#carriers.size < LIMITS.pipes
  }

  /** One more way for this link's datagrams. @param rttMs the round trip by it, where it is known */
  addPipe(carrier: Pipe, rttMs?: number): void {
    if (this.#over || !this.hasRoom) {
      carrier.close()
      return
    }
    const pipe = this.#context.packetSwitch.newPipe()
    this.#carriers.add(pipe, carrier)
    this.#paths.tellPipe(pipe, carrier, rttMs)
  }

  carry(pipe: number, frames: Uint8Array): void {
    if (this.#over) this.#said.resolve()
    this.#carriers.send(pipe, frames)
  }

  broken(pipe: number, reason: string): void {
    this.#carriers.drop(pipe, reason)
  }

  /** Tells the agent; nothing before the offers have been exchanged, nor after the end. */
  feed(input: AgentInput): void {
    this.#paths.feed(input)
  }

  /** Whoever holds the link is told why. */
  end(reason: string): void {
    this.#context.log('the link with %p is over: %s', this.peer, reason)
    this.connection?.abort(new NatError('LINK_CLOSED', reason))
    this.close()
  }

  /** The connection has closed, or never came up. What it still says goes out by the paths that there are. */
  close(): void {
    if (this.#over) return
    if (this.path?.kind !== 'relay') this.#said.resolve()
    this.#paths.close()
    this.#over = true
    this.#messages.close()
    const { packetSwitch } = this.#context
    const over = () => {
      off()
      this.#said.resolve()
      this.#carriers.dropAll('the link is over')
    }
    const off = packetSwitch.events.on('gone', ({ flow }) => {
      if (flow === this.flow) over()
    })
    packetSwitch.release(this.flow).catch(over)
    this.events.emit('close', undefined)
  }

  /** Before both sides have the connection nobody looks for another relay: without the first pipe, and no direct path yet, none will come. */
  #endIfCutOff(): void {
    if (this.#shared || this.#over || this.keys == null || this.#carriers.size > 0) return
    if (this.paths().some(({ kind }) => kind === 'direct')) return
    this.end('the relayed stream ended before the other side had the connection: it may have stopped just then')
  }
}
