import type { Timer } from '../../src/core/clock.ts'
import type { Random } from '../../src/core/random.ts'
import { LINK_ENGINE } from '../../src/libp2p/links/engine.ts'
import type { Path } from '../../src/socket/path.ts'
import { PathAgent } from '../../src/traversal/paths/agent.ts'
import type { AgentEvent, AgentInput, CheckKeys, KnownPath } from '../../src/traversal/paths/api.ts'
import { keyOf } from '../../src/traversal/paths/known.ts'
import type { PathCandidate, PathMessage } from '../../src/wire/path.ts'
import type { Circuit, Hubs } from './hubs.ts'
import type { Payload, Site, Time } from './network.ts'

/** What the session tells its agent of traffic, it tells so often. */
const TRAFFIC_MS = 500
/** A message of the path stream that has not arrived is sent again. */
const RESEND_MS = 500
/** libp2p/links/links.ts */
const CONTROLLED_WAIT_MS = 1_000
/** Until the QUIC handshake is done. */
const HANDSHAKE_MS = 300

export interface SideInit {
  readonly index: number
  readonly time: Time
  readonly random: Random
  readonly site: Site
  readonly hubs: Hubs
  readonly keys: CheckKeys
  /** A packet of the link or a check has left. */
  readonly onSent: (kind: Payload['kind']) => void
  /** The link's packets arrive. */
  readonly onData: () => void
  readonly onDead: (reason: string) => void
  readonly onPath: (to: KnownPath) => void
}

/** One side of a link: a path agent, what stands for its packet switch, and what stands for QUIC. */
export class Side {
  peer: Side | undefined
  current: KnownPath | undefined
  readonly #init: SideInit
  readonly #agent: PathAgent
  readonly #circuits = new Map<number, Circuit>()
  readonly #accepted = new Set<string>()
  readonly #heard = new Map<string, { readonly path: Path; count: number }>()
  /** Path messages of the other side that have come. */
  readonly #taken = new Set<number>()
  /** Where the other side is, by what it has told last; messages overtake each other here. */
  #theirs: { readonly seq: number; readonly candidates: readonly PathCandidate[] } = { seq: 0, candidates: [] }
  #use: Path | undefined
  #also: Path | undefined
  #sent = 0
  #pipes = 0
  #numbers = 0
  #attaching = false
  #over = false
  #wake: Timer | undefined
  #traffic: Timer | undefined
  #keepalive: Timer | undefined

  constructor(init: SideInit) {
    this.#init = init
    const { index, keys, random } = init
    const role = index === 0 ? 'controlling' : 'controlled'
    this.#agent = new PathAgent({ role, keys, tag: index, random, allowPrivate: false })
    init.site.onPacket = (payload, from) => this.#arrived(payload, { kind: 'udp', socket: 0, remote: from })
  }

  /** Both offers have come. */
  begin(circuit: Circuit, theirs: readonly PathCandidate[]): void {
    this.attach(circuit)
    this.feed({ type: 'sockets', sockets: [{ socket: 0, family: 4 }] })
    this.renew()
    this.#theirs = { seq: 0, candidates: theirs }
    this.feed({ type: 'message', message: { type: 'CANDIDATES', ...this.#theirs } })
    this.feed({ type: 'start' })
    this.#init.time.after(HANDSHAKE_MS, () => this.feed({ type: 'stream' }))
    this.#stayAlive()
  }

  /** Whether the other side has told that it is there. */
  knows(address: string): boolean {
    return this.#theirs.candidates.some(candidate => candidate.transport === 'udp' && candidate.address === address)
  }

  attach(circuit: Circuit): void {
    if (this.#over || circuit.closed) return
    const { index } = this.#init
    const pipe = ++this.#pipes
    this.#circuits.set(pipe, circuit)
    circuit.ends[index] = payload => this.#arrived(payload, { kind: 'pipe', pipe })
    circuit.onClosed.push(() => {
      if (this.#circuits.delete(pipe)) this.feed({ type: 'pipe-gone', pipe })
    })
    this.feed({
      type: 'pipe',
      pipe,
      kind: 'relay',
      relay: `hub ${circuit.hub}`,
      remote: `11.255.0.${circuit.hub + 1}:4001`
    })
  }

  /** What others see may have changed. */
  renew = () => this.feed({ type: 'candidates', candidates: this.#init.site.candidates() })

  /** One packet of the application's, or of QUIC's own. */
  send(payload: Payload): void {
    if (this.#over || this.#use == null) return
    this.#sent++
    this.#soonTell()
    this.#stayAlive()
    this.#put(this.#use, payload)
    if (this.#also != null) this.#put(this.#also, payload)
  }

  feed(input: AgentInput): void {
    if (this.#over) return
    const { time } = this.#init
    this.#wake?.cancel()
    const { send = [], messages = [], events = [], wakeAtMs } = this.#agent.step(time.nowMs, input)
    if (wakeAtMs != null) this.#wake = time.after(wakeAtMs - time.nowMs, () => this.feed({ type: 'tick' }))
    for (const { path, bytes } of send) this.#put(path, { kind: 'check', bytes })
    for (const message of messages) this.#deliver({ kind: 'message', number: ++this.#numbers, message })
    for (const event of events) this.#on(event)
  }

  end(): void {
    this.#over = true
    for (const timer of [this.#wake, this.#traffic, this.#keepalive]) timer?.cancel()
    for (const circuit of this.#circuits.values()) this.#init.hubs.close(circuit)
    this.#circuits.clear()
  }

  #put(path: Path, payload: Payload): void {
    const { site, hubs, index, onSent } = this.#init
    onSent(payload.kind)
    if (path.kind === 'udp') {
      site.send(path.remote, payload)
      return
    }
    const circuit = this.#circuits.get(path.pipe)
    if (circuit != null) hubs.send(circuit, index, payload)
  }

  #arrived(payload: Payload, from: Path): void {
    if (this.#over) return
    if (payload.kind === 'check') {
      this.feed({ type: 'packet', bytes: payload.bytes, from })
      return
    }
    const key = keyOf(from)
    if (!this.#accepted.has(key)) return
    const heard = this.#heard.get(key) ?? { path: from, count: 0 }
    this.#heard.set(key, { ...heard, count: heard.count + 1 })
    this.#soonTell()
    this.#stayAlive()
    if (payload.kind === 'data') this.#init.onData()
    if (payload.kind === 'message') this.#take(payload.number, payload.message)
    // RFC 9000 section 13.2.1: an ACK is not acknowledged
    if (payload.kind !== 'ack') this.send({ kind: 'ack' })
  }

  /** The path stream is QUIC's, and loses nothing. */
  #deliver(payload: Extract<Payload, { kind: 'message' }>): void {
    if (this.#over || this.peer?.has(payload.number) !== false) return
    this.send(payload)
    this.#init.time.after(RESEND_MS, () => this.#deliver(payload))
  }

  /** Whether that path message has come. */
  has(number: number): boolean {
    return this.#over || this.#taken.has(number)
  }

  #take(number: number, message: PathMessage): void {
    if (this.#taken.has(number)) return
    this.#taken.add(number)
    if (message.type === 'CANDIDATES' && message.seq > this.#theirs.seq) this.#theirs = message
    this.feed({ type: 'message', message })
  }

  #soonTell(): void {
    this.#traffic ??= this.#init.time.after(TRAFFIC_MS, () => {
      this.#traffic = undefined
      const input = { type: 'traffic', sent: this.#sent, heard: [...this.#heard.values()] } as const
      this.#sent = 0
      this.#heard.clear()
      this.feed(input)
    })
  }

  #stayAlive(): void {
    this.#keepalive?.cancel()
    this.#keepalive = this.#init.time.after(LINK_ENGINE.keepAliveInterval, () => this.send({ kind: 'ping' }))
  }

  /** The dialler is the first to look for another relay. */
  #wantRelay(): void {
    if (this.#attaching) return
    this.#attaching = true
    const { time, hubs, index } = this.#init
    time.after(index * CONTROLLED_WAIT_MS, () => {
      hubs.openSoon(new Set([...this.#circuits.values()].map(({ hub }) => hub)), circuit => {
        this.#attaching = false
        if (circuit == null) return
        this.attach(circuit)
        this.peer?.attach(circuit)
      })
    })
  }

  #on(event: AgentEvent): void {
    switch (event.type) {
      case 'accept':
        this.#accepted.add(keyOf(event.path))
        return
      case 'refuse':
        this.#accepted.delete(keyOf(event.path))
        return
      case 'use':
        this.#use = event.path
        this.#also = event.also
        return
      case 'path':
        this.current = event.to
        this.#init.onPath(event.to)
        return
      case 'want-relay':
        this.#wantRelay()
        return
      case 'drop-pipe': {
        const circuit = this.#circuits.get(event.pipe)
        if (circuit != null) this.#init.hubs.close(circuit)
        return
      }
      case 'punch-tcp':
        // no TCP here: the other ways are what is to be seen
        this.#init.time.after(5_000, () => this.feed({ type: 'punched', ok: false, reason: 'no-answer', ms: 5_000 }))
        return
      case 'dead':
        this.#init.onDead(event.reason)
        return
      case 'attempt':
      case 'found':
      case 'direct':
        return
      default:
        event satisfies never
    }
  }
}
