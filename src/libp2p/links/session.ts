import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import type { Path } from '../../socket/path.ts'
import type { FlowInfo } from '../../socket/plane.ts'
import type { Attempt } from '../../traversal/attempt.ts'
import { PathAgent } from '../../traversal/paths/agent.ts'
import type { AgentEvent, AgentInput, KnownPath } from '../../traversal/paths/api.ts'
import { LIMITS } from '../../traversal/paths/limits.ts'
import type { PathCandidate } from '../../wire/path.ts'
import type { Timeline } from '../timeline.ts'
import { AgentDriver } from './agent-driver.ts'
import { Carriers } from './carriers.ts'
import type { LinksContext, PipeOwner } from './context.ts'
import { History, type PathChange } from './history.ts'
import type { LinkKeys } from './offer.ts'
import { PathStream } from './path-stream.ts'
import type { Pipe } from './pipe.ts'
import { applyToSwitch, sendTo } from './switching.ts'

export type SessionEvents = {
  path: PathChange
  attempt: Attempt
  /** There is no relayed path that works. */
  'want-relay': undefined
  /** Nothing is heard by the path in use. */
  suspect: undefined
  'punch-tcp': Extract<AgentEvent, { type: 'punch-tcp' }>
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

/**
 * How long the side that answers an offer waits with its checks: as long as its answer is under way, which is about a round trip to the relay.
 * The two first checks cross then, and nothing is lost: the other side's cannot be here earlier than that.
 */
const MAX_WAIT_MS = 150

/** One link: its QUIC connection, the paths under it, and the agent that chooses among them. */
export class LinkSession implements PipeOwner {
  readonly events = new Events<SessionEvents>()
  readonly peer: PeerId
  readonly role: 'controlling' | 'controlled'
  readonly timeline: Timeline
  readonly tag: number
  readonly history: History
  connection: Connection | undefined
  keys: LinkKeys | undefined
  /** The last number that each side has attached a pipe with. */
  readonly attached = { theirs: 0, mine: 0 }
  readonly #context: LinksContext
  readonly #flow: FlowInfo
  readonly #carriers: Carriers
  readonly #messages: PathStream
  readonly #beganMs: number
  #paths: PathAgent | undefined
  #agent: AgentDriver | undefined
  #offCandidates: (() => void) | undefined
  #over = false

  constructor(context: LinksContext, { peer, role, timeline, tag, flow, pipe, carrier }: SessionInit) {
    this.#context = context
    this.peer = peer
    this.role = role
    this.timeline = timeline
    this.tag = tag
    this.#flow = flow
    this.history = new History(context.techniques)
    this.#beganMs = context.clock.now()
    this.#carriers = new Carriers(context, this, gone => {
      this.feed({ type: 'pipe-gone', pipe: gone })
      this.#endIfCutOff()
    })
    this.#messages = new PathStream(
      context,
      message => this.feed({ type: 'message', message }),
      () => this.feed({ type: 'stream' })
    )
    this.#carriers.add(pipe, carrier)
    context.packetSwitch.watch(flow.flow, true)
  }

  get flow(): number {
    return this.#flow.flow
  }

  get over(): boolean {
    return this.#over
  }

  /** The path in use; undefined before the offers have been exchanged. */
  get path(): PathChange | undefined {
    return this.history.changes.at(-1)
  }

  /** All paths that are known, in use or not. */
  paths(): readonly KnownPath[] {
    return this.#paths?.paths() ?? []
  }

  /** Nothing is heard by any path. */
  get isCutOff(): boolean {
    return this.#paths?.isCutOff === true
  }

  /** The relays whose pipes the link has now. */
  get relays(): readonly string[] {
    return this.#carriers.relays
  }

  /** Both offers are there: checks begin. @param rttMs from our offer to theirs, where ours was the first */
  agree(keys: LinkKeys, theirs: readonly PathCandidate[], rttMs?: number): void {
    if (this.#over || this.#agent != null) return
    const { random, allowPrivate, techniques, candidates, sockets, clock, bystanders } = this.#context
    this.keys = keys
    const { role, tag } = this
    const allowed = techniques == null ? {} : { techniques }
    this.#paths = new PathAgent({ role, keys: keys.checks, tag, random, allowPrivate, bystanders, ...allowed })
    this.#agent = new AgentDriver(this.#paths, clock, {
      send: (path, bytes) => this.#send(path, bytes),
      message: message => this.#messages.send(message),
      event: event => this.#on(event)
    })
    this.timeline.mark('offer')
    for (const [pipe, carrier] of this.#carriers.all()) this.#tellPipe(pipe, carrier, rttMs)
    // our answer is on its way: checks that arrive before theirs leave would make some routers give theirs another port
    const waitMs = this.role === 'controlled' ? Math.min(MAX_WAIT_MS, this.#relayRtt(this.relays[0]) ?? 0) : 0
    if (waitMs === 0) this.feed({ type: 'sockets', sockets: sockets() })
    else clock.after(waitMs, () => this.feed({ type: 'sockets', sockets: sockets() }))
    this.feed({ type: 'candidates', candidates: candidates.list() })
    this.feed({ type: 'message', message: { type: 'CANDIDATES', seq: 0, candidates: theirs } })
    this.feed({ type: 'start' })
    this.#offCandidates = candidates.onChange(() => this.feed({ type: 'candidates', candidates: candidates.list() }))
    this.#endIfCutOff()
  }

  /** The handshake is done on our side: the dialler opens the path stream. */
  opened(connection: Connection): void {
    this.connection = connection
    this.timeline.mark('ready')
    connection.addEventListener('close', () => this.close(), { once: true })
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
    this.#tellPipe(pipe, carrier, rttMs)
  }

  carry(pipe: number, frames: Uint8Array): void {
    this.#carriers.send(pipe, frames)
  }

  broken(pipe: number, reason: string): void {
    this.#carriers.drop(pipe, reason)
  }

  /** Tells the agent; nothing before the offers have been exchanged, nor after the end. */
  feed(input: AgentInput): void {
    if (!this.#over) this.#agent?.feed(input)
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
    this.feed({ type: 'cancel' })
    this.#over = true
    this.#offCandidates?.()
    this.#messages.close()
    const { packetSwitch } = this.#context
    const over = () => {
      off()
      this.#carriers.dropAll('the link is over')
    }
    const off = packetSwitch.events.on('gone', ({ flow }) => {
      if (flow === this.flow) over()
    })
    packetSwitch.release(this.flow).catch(over)
    this.events.emit('close', undefined)
  }

  /** Before there is a connection nobody looks for another relay: without the first pipe, and no direct path yet, none will come. */
  #endIfCutOff(): void {
    if (this.connection != null || this.keys == null || this.#carriers.size > 0) return
    if (!this.paths().some(({ kind }) => kind === 'direct')) this.close()
  }

  #send(path: Path, bytes: Uint8Array): void {
    if (path.kind === 'udp') sendTo(this.#context, path, bytes)
    else this.#carriers.sendDatagram(path.pipe, bytes)
  }

  #tellPipe(pipe: number, { kind, remote, relay }: Pipe, rttMs: number | undefined): void {
    const costMs = this.#relayRtt(relay)
    const times = { ...(costMs == null ? {} : { costMs }), ...(rttMs == null ? {} : { rttMs }) }
    const known = { ...(relay == null ? {} : { relay }), ...times }
    this.feed({ type: 'pipe', pipe, kind, remote, ...known })
  }

  #relayRtt(relay: string | undefined): number | undefined {
    const connections = this.#context.components.connectionManager.getConnections()
    return connections.find(({ remotePeer, direct }) => direct && remotePeer.toString() === relay)?.rtt
  }

  #on(event: AgentEvent): void {
    const { packetSwitch, log, clock } = this.#context
    switch (event.type) {
      case 'accept':
      case 'refuse':
      case 'use':
        applyToSwitch(packetSwitch, this.flow, event, error => log('the switch did not take a path - %e', error))
        // what is sent by two ways is not sure to arrive by one
        if (event.type === 'use' && event.also != null) this.events.emit('suspect', undefined)
        return
      case 'path': {
        const carrier = event.to.path.kind === 'pipe' ? this.#carriers.get(event.to.path.pipe) : undefined
        if (event.to.kind === 'direct') this.timeline.mark('direct')
        const change = this.history.changed(event.to, event.reason, carrier, clock.now() - this.#beganMs)
        this.events.emit('path', change)
        return
      }
      case 'attempt':
        if (event.attempt.outcome === 'ok') this.timeline.mark('checked')
        this.history.attempted(event.attempt)
        this.events.emit('attempt', event.attempt)
        return
      case 'want-relay':
        this.events.emit('suspect', undefined)
        this.events.emit('want-relay', undefined)
        return
      case 'drop-pipe':
        this.#carriers.drop(event.pipe, 'it is not needed any more')
        return
      case 'punch-tcp':
        this.events.emit('punch-tcp', event)
        return
      case 'dead':
        this.end(event.reason)
        return
      default:
        event satisfies never
    }
  }
}
