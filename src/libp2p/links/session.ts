import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Timer } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import type { Path } from '../../socket/path.ts'
import type { FlowInfo } from '../../socket/plane.ts'
import type { Attempt } from '../../traversal/attempt.ts'
import { PathAgent } from '../../traversal/paths/agent.ts'
import type { AgentEvent, AgentInput, KnownPath } from '../../traversal/paths/api.ts'
import type { PathCandidate } from '../../wire/path.ts'
import type { Timeline } from '../timeline.ts'
import { Carriers } from './carriers.ts'
import type { LinksContext } from './context.ts'
import { History, type PathChange } from './history.ts'
import type { LinkKeys } from './offer.ts'
import { PathStream } from './path-stream.ts'
import type { Pipe } from './pipe.ts'

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
export class LinkSession {
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
  readonly #history = new History()
  readonly #beganMs: number
  #agent: PathAgent | undefined
  #timer: Timer | undefined
  #offCandidates: (() => void) | undefined
  #over = false

  constructor(context: LinksContext, { peer, role, timeline, tag, flow, pipe, carrier }: SessionInit) {
    this.#context = context
    this.peer = peer
    this.role = role
    this.timeline = timeline
    this.tag = tag
    this.#flow = flow
    this.#beganMs = context.clock.now()
    this.#carriers = new Carriers(context, this, gone => this.feed({ type: 'pipe-gone', pipe: gone }))
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
    return this.#history.changes.at(-1)
  }

  /** The latest changes of path, oldest first. */
  get history(): readonly PathChange[] {
    return this.#history.changes
  }

  /** What has been tried to get a direct path, oldest first. */
  get attempts(): readonly Attempt[] {
    return this.#history.attempts
  }

  /** Whether each technique that may be tried has been, once. */
  get tried(): boolean {
    return this.#history.tried(this.#context.techniques)
  }

  /** All paths that the agent knows. */
  paths(): readonly KnownPath[] {
    return this.#agent?.paths() ?? []
  }

  /** The relays whose pipes the link has now. */
  get relays(): readonly string[] {
    return this.#carriers.relays
  }

  /** Both offers are there: checks begin. */
  agree(keys: LinkKeys, theirs: readonly PathCandidate[]): void {
    if (this.#over || this.#agent != null) return
    const { random, allowPrivate, techniques, candidates, sockets, clock } = this.#context
    this.keys = keys
    const allowed = techniques == null ? {} : { techniques }
    this.#agent = new PathAgent({ role: this.role, keys: keys.checks, tag: this.tag, random, allowPrivate, ...allowed })
    this.timeline.mark('offer')
    for (const [pipe, carrier] of this.#carriers.all()) this.#tellPipe(pipe, carrier)
    // our answer is on its way: checks that arrive before theirs leave would make some routers give theirs another port
    const waitMs = this.role === 'controlled' ? Math.min(MAX_WAIT_MS, this.#relayRtt(this.relays[0]) ?? 0) : 0
    if (waitMs === 0) this.feed({ type: 'sockets', sockets: sockets() })
    else clock.after(waitMs, () => this.feed({ type: 'sockets', sockets: sockets() }))
    this.feed({ type: 'candidates', candidates: candidates.list() })
    this.feed({ type: 'message', message: { type: 'CANDIDATES', seq: 0, candidates: theirs } })
    this.feed({ type: 'start' })
    this.#offCandidates = candidates.onChange(() => this.feed({ type: 'candidates', candidates: candidates.list() }))
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

  /** A STUN message came by that path that may be a check of this link. */
  stun(bytes: Uint8Array, from: Path): void {
    this.feed({ type: 'packet', bytes, from })
  }

  /** One more way for this link's datagrams. */
  addPipe(carrier: Pipe): void {
    if (this.#over) {
      carrier.close()
      return
    }
    const pipe = this.#context.packetSwitch.newPipe()
    this.#carriers.add(pipe, carrier)
    this.#tellPipe(pipe, carrier)
  }

  /** The switch has frames for a pipe of ours. */
  carry(pipe: number, frames: Uint8Array): void {
    this.#carriers.send(pipe, frames)
  }

  /** What came in by a pipe of ours is no datagrams. */
  broken(pipe: number, reason: string): void {
    this.#carriers.drop(pipe, reason)
  }

  feed(input: AgentInput): void {
    if (this.#over || this.#agent == null) return
    this.#timer?.cancel()
    const { clock, packetSwitch } = this.#context
    const nowMs = clock.now()
    const { send = [], messages = [], events = [], wakeAtMs } = this.#agent.step(nowMs, input)
    if (wakeAtMs != null) this.#timer = clock.after(Math.max(0, wakeAtMs - nowMs), () => this.feed({ type: 'tick' }))
    for (const { path, bytes } of send) {
      if (path.kind === 'udp') packetSwitch.send(path.socket, path.remote, bytes)
      else this.#carriers.sendDatagram(path.pipe, bytes)
    }
    for (const message of messages) this.#messages.send(message)
    for (const event of events) this.#on(event)
  }

  /** The connection has closed, or never came up. What it still says goes out by the paths that there are. */
  close(): void {
    if (this.#over) return
    this.feed({ type: 'cancel' })
    this.#over = true
    this.#timer?.cancel()
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

  #tellPipe(pipe: number, { kind, remote, relay }: Pipe): void {
    const costMs = this.#relayRtt(relay)
    const known = { ...(relay == null ? {} : { relay }), ...(costMs == null ? {} : { costMs }) }
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
        packetSwitch.admit(this.flow, event.path).catch(error => log('a path was not admitted - %e', error))
        return
      case 'refuse':
        packetSwitch.dismiss(this.flow, event.path)
        return
      case 'use': {
        const { path, also, holdMs } = event
        // what is sent by two ways is not sure to arrive by one
        if (also != null) this.events.emit('suspect', undefined)
        packetSwitch.move(this.flow, path, { holdMs, ...(also == null ? {} : { also }) }).catch(() => {})
        return
      }
      case 'path': {
        const carrier = event.to.path.kind === 'pipe' ? this.#carriers.get(event.to.path.pipe) : undefined
        if (event.to.kind === 'direct') this.timeline.mark('direct')
        const change = this.#history.changed(event.to, event.reason, carrier, clock.now() - this.#beganMs)
        this.events.emit('path', change)
        return
      }
      case 'attempt':
        if (event.attempt.outcome === 'ok') this.timeline.mark('checked')
        this.#history.attempted(event.attempt)
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
        log('the link with %p is over: %s', this.peer, event.reason)
        this.connection?.abort(new NatError('LINK_CLOSED', event.reason))
        this.close()
        return
      default:
        event satisfies never
    }
  }
}
