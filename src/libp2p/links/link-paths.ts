import type { Events } from '../../core/events.ts'
import type { Path } from '../../socket/path.ts'
import type { Attempt } from '../../traversal/attempt.ts'
import { Traversal } from '../../traversal/link/traversal.ts'
import { PathAgent } from '../../traversal/paths/agent.ts'
import type { AgentEvent, AgentInput, CheckKeys, KnownPath } from '../../traversal/paths/api.ts'
import type { PathCandidate, PathMessage } from '../../wire/path.ts'
import type { Timeline } from '../timeline.ts'
import { AgentDriver } from './agent-driver.ts'
import type { Carriers } from './carriers.ts'
import type { LinksContext } from './context.ts'
import { History, type PathChange } from './history.ts'
import type { Told } from './offer.ts'
import type { PathStream } from './path-stream.ts'
import type { Pipe } from './pipe.ts'
import { applyToSwitch, sendTo } from './switching.ts'

export type PathEvents = {
  path: PathChange
  attempt: Attempt
  /** All that may be tried has been, for now. */
  settled: undefined
  /** There is no relayed path that works. */
  'want-relay': undefined
  /** Nothing is heard by the path in use. */
  suspect: undefined
  'punch-tcp': Extract<AgentEvent, { type: 'punch-tcp' }>
}

export interface LinkPathsInit {
  readonly role: 'controlling' | 'controlled'
  readonly flow: number
  readonly tag: number
  readonly timeline: Timeline
  readonly carriers: Carriers
  readonly messages: PathStream
  readonly events: Pick<Events<PathEvents>, 'emit'>
  /** There is no path left, and none has come for long. */
  readonly onDead: (reason: string) => void
  /** The other side's peer id. */
  readonly peer: string
}

/**
 * How long the side that answers an offer waits with its checks: as long as its answer is under way, which is about a round trip to the relay.
 * The two first checks cross then, and nothing is lost: the other side's cannot be here earlier than that.
 */
const MAX_WAIT_MS = 150

/** The plan says what is checked. */
const NOTHING_YET: ReadonlySet<string> = new Set()

/** The paths under one link: tells its agent what there is, and carries out what that decides. */
export class LinkPaths {
  readonly history: History
  readonly #context: LinksContext
  readonly #init: LinkPathsInit
  readonly #beganMs: number
  #agent: PathAgent | undefined
  #driver: AgentDriver | undefined
  #traversal: Traversal | undefined
  #theirs: readonly PathCandidate[] = []
  readonly #off: (() => void)[] = []

  constructor(context: LinksContext, init: LinkPathsInit) {
    this.#context = context
    this.#init = init
    this.history = new History()
    this.#beganMs = context.clock.now()
  }

  /** All that are known, in use or not. */
  all(): readonly KnownPath[] {
    return this.#agent?.paths() ?? []
  }

  get traversal(): Traversal | undefined {
    return this.#traversal
  }

  /** Nothing is heard by any. */
  get isCutOff(): boolean {
    return this.#agent?.isCutOff === true
  }

  /** Checks begin; to be called once. @param rttMs as for {@link tellPipe}, of the pipes that are there */
  begin(keys: CheckKeys, theirs: Told, rttMs?: number): void {
    const { random, allowPrivate, candidates, summary, sockets, clock, bystanders, registered } = this.#context
    const { role, tag, timeline, carriers, messages } = this.#init
    const techniques = this.#context.techniques ?? new Set(registered.map(({ name }) => name))
    const plain = { role, keys, tag, random, allowPrivate, bystanders }
    this.#agent = new PathAgent({ ...plain, techniques, checking: NOTHING_YET })
    this.#driver = new AgentDriver(this.#agent, clock, {
      send: (path, bytes) => this.#send(path, bytes),
      message: message => messages.send(message),
      event: event => this.#on(event)
    })
    timeline.mark('offer')
    for (const [pipe, carrier] of carriers.all()) this.tellPipe(pipe, carrier, rttMs)
    const [, firstPipe] = carriers.all().next().value ?? []
    // our answer is on its way: checks that arrive before theirs leave would make some routers give theirs another port
    const waitMs = role === 'controlled' ? Math.min(MAX_WAIT_MS, firstPipe?.relayRttMs ?? 0) : 0
    const tellSockets = () => this.feed({ type: 'sockets', sockets: sockets() })
    if (waitMs === 0) tellSockets()
    else {
      const timer = clock.after(waitMs, tellSockets)
      this.#off.push(() => timer.cancel())
    }
    this.feed({ type: 'candidates', candidates: candidates.list() })
    this.message({ type: 'CANDIDATES', seq: 0, candidates: theirs.candidates })
    this.feed({ type: 'start' })
    this.#traversal = this.#newTraversal()
    this.#traversal.begin(summary.current(), theirs.summary)
    this.#off.push(
      candidates.onChange(() => this.feed({ type: 'candidates', candidates: candidates.list() })),
      summary.onChange(() => this.#traversal?.known(summary.current()))
    )
  }

  /** From the other side, over the path stream. */
  message(message: PathMessage): void {
    switch (message.type) {
      case 'CANDIDATES':
        this.#theirs = message.candidates
        this.feed({ type: 'message', message })
        return
      case 'PUNCH_TCP':
        this.feed({ type: 'message', message })
        return
      case 'REPORT':
      case 'PLAN':
      case 'AGREE':
      case 'TECHNIQUE':
        this.#traversal?.message(message)
        return
      case 'UNKNOWN':
        return
      default:
        message satisfies never
    }
  }

  /** Tells the agent; nothing before it has begun, nor after the end. */
  feed(input: AgentInput): void {
    this.#driver?.feed(input)
    if (input.type === 'network-changed') this.#traversal?.networkChanged()
  }

  /** There is a pipe. @param rttMs the round trip by it, where it is known */
  tellPipe(pipe: number, { kind, remote, relay, relayRttMs: costMs }: Pipe, rttMs: number | undefined): void {
    const times = { ...(costMs == null ? {} : { costMs }), ...(rttMs == null ? {} : { rttMs }) }
    const known = { ...(relay == null ? {} : { relay }), ...times }
    this.feed({ type: 'pipe', pipe, kind, remote, ...known })
  }

  close(): void {
    this.feed({ type: 'cancel' })
    this.#traversal?.close()
    for (const off of this.#off) off()
  }

  #newTraversal(): Traversal {
    const { registered, techniques, clock, random, ground, budget, experience, candidates } = this.#context
    const { role, peer, messages, events } = this.#init
    const known = { role, peer, techniques: registered, allowed: techniques, clock, random, ground, budget, experience }
    return new Traversal(
      {
        ...known,
        candidates: () => ({ mine: candidates.list(), theirs: this.#theirs }),
        feed: input => this.feed(input),
        send: message => messages.send(message),
        onAttempt: attempt => {
          this.history.attempted(attempt)
          events.emit('attempt', attempt)
        }
      },
      () => events.emit('settled', undefined)
    )
  }

  #send(path: Path, bytes: Uint8Array): void {
    if (path.kind === 'udp') sendTo(this.#context, path, bytes)
    else this.#init.carriers.sendDatagram(path.pipe, bytes)
  }

  #on(event: AgentEvent): void {
    const { packetSwitch, log, clock } = this.#context
    const { flow, timeline, carriers, events, onDead } = this.#init
    switch (event.type) {
      case 'accept':
      case 'refuse':
      case 'use':
        if (event.type !== 'use') this.#traversal?.event(event)
        applyToSwitch(packetSwitch, flow, event, (path, validated, error) => {
          log('the switch did not take a path - %e', error)
          this.feed({ type: 'refused', path, validated })
        })
        // what is sent by two ways is not sure to arrive by one
        if (event.type === 'use' && event.also != null) events.emit('suspect', undefined)
        return
      case 'path': {
        const carrier = event.to.path.kind === 'pipe' ? carriers.get(event.to.path.pipe) : undefined
        if (event.to.kind === 'direct') timeline.mark('direct')
        const change = this.history.changed(event.to, event.reason, carrier, clock.now() - this.#beganMs)
        events.emit('path', change)
        return
      }
      case 'attempt':
        if (event.attempt.outcome === 'ok') timeline.mark('checked')
        this.#traversal?.event(event)
        return
      case 'want-relay':
        events.emit('suspect', undefined)
        events.emit('want-relay', undefined)
        return
      case 'drop-pipe':
        carriers.drop(event.pipe, 'it is not needed any more')
        return
      case 'punch-tcp':
        events.emit('punch-tcp', event)
        return
      case 'found':
      case 'direct':
        this.#traversal?.event(event)
        return
      case 'dead':
        onDead(event.reason)
        return
      default:
        event satisfies never
    }
  }
}
