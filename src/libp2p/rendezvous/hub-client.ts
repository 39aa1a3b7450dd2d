import type { Connection, Logger, PeerId } from '@libp2p/interface'
import type { Clock, Timer } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { Turns } from '../../core/turns.ts'
import { RENDEZVOUS_PROTOCOL } from '../../wire/rendezvous.ts'
import { type HubAnswer, RENDEZVOUS } from './api.ts'
import { HubStream, type StreamEnd, type Unasked, type Unnumbered } from './hub-stream.ts'

export interface HubClientInit {
  readonly hub: PeerId
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** The connection to the hub that there is, or a new one. */
  readonly connectTo: (signal: AbortSignal) => Promise<Connection>
  /** It has said something of a peer: news, or the answer to a WATCH. */
  readonly onNews: (peer: Uint8Array, envelope: Uint8Array | undefined) => void
  readonly onCalled: (envelope: Uint8Array) => void
}

interface Watched {
  readonly peer: Uint8Array
  /** Whether the hub has still to be told. */
  state: 'new' | 'asked' | 'accepted'
}

interface Opened {
  readonly connection: Connection
  readonly stream: HubStream
}

/** What a node says to one hub: by one stream, which is opened when first needed and again when it has ended, on whatever connection there is. */
export class HubClient {
  readonly #init: HubClientInit
  readonly #turns = new Turns(RENDEZVOUS.inFlight, RENDEZVOUS.waiting)
  readonly #over = new AbortController()
  readonly #watched = new Map<string, Watched>()
  #current: Opened | undefined
  #opening: { readonly connection: Connection; readonly opened: Promise<HubStream> } | undefined
  /** It does not speak the protocol on that connection, or not before then. */
  #lacks: { readonly connection: Connection; readonly end: StreamEnd; readonly untilMs: number } | undefined
  /** Whether it is connected: only who keeps the reservation connects to it anew. */
  #isThere = false
  /** Whether the stream is kept open, so that the hub can call us. */
  #isKept = false
  #failures = 0
  #timer: Timer | undefined

  constructor(init: HubClientInit) {
    this.#init = init
  }

  /** @throws the signal's reason */
  async ask(message: Unnumbered, signal?: AbortSignal): Promise<HubAnswer> {
    const { clock, hub } = this.#init
    if (this.#turns.isFull) return { outcome: 'silent', detail: 'too many requests wait for their turn' }
    const what = `an answer of the hub ${hub}`
    const either = signal == null ? this.#over.signal : AbortSignal.any([signal, this.#over.signal])
    try {
      return await withDeadline(clock, RENDEZVOUS.answerMs, what, either, limit =>
        this.#turns.take(limit, async () => {
          const ready = await this.#ready(limit)
          return ready instanceof HubStream ? await ready.ask(message, limit) : ready
        })
      )
    } catch (error) {
      signal?.throwIfAborted()
      return { outcome: 'silent', detail: (error as Error).message }
    }
  }

  /** From now on the stream stays open. */
  keep(): void {
    this.#isKept = true
  }

  watch(key: string, peer: Uint8Array): void {
    this.#watched.set(key, { peer, state: 'new' })
    void this.#renew()
  }

  unwatch(key: string): void {
    const watched = this.#watched.get(key)
    this.#watched.delete(key)
    if (watched == null || watched.state === 'new' || this.#current == null) return
    void this.ask({ type: 'UNWATCH', peer: watched.peer }).catch(() => {})
  }

  /** It is connected, perhaps anew. */
  back(): void {
    this.#isThere = true
    this.#failures = 0
    void this.#renew()
  }

  /** It is not connected any more. */
  gone(): void {
    this.#isThere = false
    this.#timer?.cancel()
  }

  stop(): void {
    this.#isThere = false
    this.#timer?.cancel()
    this.#over.abort(new NatError('LINK_CLOSED', 'the node stops'))
    this.#current?.stream.close()
  }

  /** The hub is told of the watches that it does not know, or there is a stream at least. */
  async #renew(): Promise<void> {
    this.#timer?.cancel()
    if (!this.#isThere) return
    const unknown = [...this.#watched.values()].filter(({ state }) => state === 'new')
    const isWell =
      unknown.length > 0
        ? (await Promise.all(unknown.map(each => this.#renewOne(each)))).every(Boolean)
        : !this.#isKept || (await this.#isOpen())
    if (!isWell) this.#renewLater()
    // that a stream can be opened says little: it may end at once
    else if (unknown.length > 0) this.#failures = 0
  }

  async #renewOne(watched: Watched): Promise<boolean> {
    watched.state = 'asked'
    const answer = await this.ask({ type: 'WATCH', peer: watched.peer }).catch(() => undefined)
    const { status } = answer?.outcome === 'answered' ? answer : {}
    const isAccepted = status === 'OK' || status === 'NOT_FOUND'
    // the stream may have ended in the same moment, and all watches with it
    if (watched.state === 'asked') watched.state = isAccepted ? 'accepted' : 'new'
    if (isAccepted && answer?.outcome === 'answered') {
      this.#init.onNews(watched.peer, status === 'OK' ? answer.envelope : undefined)
    }
    return isAccepted
  }

  async #isOpen(): Promise<boolean> {
    return await this.#ready(this.#over.signal).then(
      ready => ready instanceof HubStream,
      () => false
    )
  }

  #renewLater(): void {
    const { clock, random } = this.#init
    this.#timer?.cancel()
    if (!this.#isThere || (!this.#isKept && this.#watched.size === 0)) return
    const { firstReopenMs, maxReopenMs } = RENDEZVOUS
    const longestMs = Math.min(maxReopenMs, firstReopenMs * 2 ** this.#failures++)
    this.#timer = clock.after(random.int(Math.floor(longestMs / 2), longestMs), () => void this.#renew())
  }

  /** The stream, or why there can be none. @throws what connecting and opening throw */
  async #ready(signal: AbortSignal): Promise<HubStream | HubAnswer> {
    const connection = await this.#init.connectTo(signal)
    const { clock } = this.#init
    if (this.#current?.connection === connection) return this.#current.stream
    const lacks = this.#lacks
    if (lacks?.connection === connection && clock.now() < lacks.untilMs) {
      return { outcome: lacks.end.outcome, detail: lacks.end.detail }
    }
    if (this.#opening?.connection !== connection) {
      const opening = { connection, opened: this.#open(connection) }
      this.#opening = opening
      const done = () => {
        if (this.#opening === opening) this.#opening = undefined
      }
      opening.opened.then(done, done)
    }
    return await this.#opening.opened
  }

  async #open(connection: Connection): Promise<HubStream> {
    const { clock, log, hub } = this.#init
    // negotiated without waiting: the first requests leave behind the protocol's name
    const what = `a stream to the hub ${hub}`
    const opened = await withDeadline(clock, RENDEZVOUS.answerMs, what, this.#over.signal, signal =>
      connection.newStream(RENDEZVOUS_PROTOCOL, { signal })
    )
    const stream = new HubStream({
      stream: opened,
      clock,
      isConnected: () => connection.status === 'open',
      onUnasked: event => this.#onUnasked(event),
      onEnd: end => {
        log('the rendezvous stream to %p has ended: %s, %s', hub, end.outcome, end.detail)
        this.#onEnd(connection, stream, end)
      }
    })
    if (this.#over.signal.aborted) stream.close()
    const before = this.#current
    this.#current = { connection, stream }
    // of a connection that is given up: the hub is told anew of what is watched
    before?.stream.close()
    return stream
  }

  #onUnasked(event: Unasked): void {
    if (event.type === 'CALLED') this.#init.onCalled(event.envelope)
    else this.#init.onNews(event.peer, event.envelope)
  }

  #onEnd(connection: Connection, stream: HubStream, end: StreamEnd): void {
    if (end.outcome === 'unsupported') {
      const untilMs = end.isCertain ? Number.POSITIVE_INFINITY : this.#init.clock.now() + RENDEZVOUS.maxReopenMs
      // who registers tries again by itself, and rarely
      this.#isKept = false
      this.#lacks = { connection, end, untilMs }
    }
    if (this.#current?.stream === stream) this.#current = undefined
    for (const each of this.#watched.values()) each.state = 'new'
    this.#renewLater()
  }
}
