import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import type { Attempt, Reason, TechniqueName } from '../../traversal/attempt.ts'
import type { Side } from '../../traversal/upgrade.ts'
import type { Context } from './context.ts'
import { Race, type Stage, type Winner } from './race.ts'

/** What came of an upgrade. */
export type Upgrade =
  | {
      readonly outcome: 'direct'
      readonly connection: Connection
      readonly technique: TechniqueName
      readonly attempts: readonly Attempt[]
    }
  | { readonly outcome: 'relayed'; readonly attempts: readonly Attempt[] }

/** The upgrade of one peer's relayed connection: it ends when a direct connection has proven itself, or all has been tried. */
export class Session {
  readonly peer: PeerId
  side: Side
  relayed: Connection
  readonly attempts: Attempt[] = []
  readonly ended: Promise<Upgrade>
  stage: Stage = 'rest'
  finished = false
  /** Connections that both sides dialled and on which both took the same role. */
  clashes = 0
  /** The DCUtR stream of the current round. */
  exchange: Stream | undefined
  /** Whether the other side's exchange goes first when both begin one. */
  readonly #yields: boolean
  readonly #resolveEnded: (upgrade: Upgrade) => void
  readonly #onAttempt: (attempt: Attempt) => void
  readonly #race: Race
  readonly #over = new AbortController()
  readonly #stopped = new AbortController()
  #round: AbortController | undefined
  #waiting: ((stream: Stream | undefined) => void) | undefined
  #next: Stream | undefined

  constructor(
    context: Context,
    init: {
      readonly relayed: Connection
      readonly onAttempt: (attempt: Attempt) => void
      /** A connection came up that lost the race. */
      readonly onLoser: (connection: Connection) => void
    }
  ) {
    this.relayed = init.relayed
    this.side = sideOf(init.relayed)
    this.peer = init.relayed.remotePeer
    this.#yields = context.components.peerId.toString() > this.peer.toString()
    this.#onAttempt = init.onAttempt
    this.#race = new Race(context, {
      stopped: this.#stopped.signal,
      side: () => this.side,
      onWon: reason => this.#over.abort(reason),
      onLoser: init.onLoser
    })
    const { promise, resolve } = Promise.withResolvers<Upgrade>()
    this.ended = promise
    this.#resolveEnded = resolve
  }

  /** The direct connection that has proven itself first. */
  get winner(): Winner | undefined {
    return this.#race.winner
  }

  /** Connections that came up and carried no bytes. */
  get unproven(): number {
    return this.#race.unproven
  }

  /** Aborts when there is nothing more to try: a connection has won, the relay has gone, or the service stops. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Why the session was cut short, when it was and nobody won. */
  get cutShort(): Reason | undefined {
    if (!this.signal.aborted) return undefined
    return this.#stopped.signal.aborted ? 'aborted' : 'relay-closed'
  }

  record(technique: TechniqueName, outcome: Attempt['outcome'], reason: Reason, ms: number, detail?: string): void {
    const attempt = { technique, outcome, reason, ms: Math.round(ms), ...(detail == null ? {} : { detail }) }
    this.attempts.push(attempt)
    this.#onAttempt(attempt)
  }

  /** Marks a connection as made by connection reversal. */
  reversed(connection: Connection): void {
    this.#race.reversed(connection)
  }

  /**
   * A direct connection to the peer has come up, by whatever way: it wins if it is the first to carry bytes.
   *
   * @returns whether it carries bytes
   */
  offer(connection: Connection): Promise<boolean> {
    return this.#race.offer(connection, this.stage)
  }

  /** Begins a round, and gives the signal that ends it. */
  beginRound(): AbortSignal {
    this.stage = 'talk'
    this.#round = new AbortController()
    return AbortSignal.any([this.#round.signal, this.#over.signal])
  }

  endRound(): void {
    this.stage = 'rest'
    this.#round = undefined
    // a peer that never closes its side would use up the streams that the next rounds need
    this.exchange?.abort(new NatError('LINK_CLOSED', 'the round is over'))
    this.exchange = undefined
    if (this.relayed.status !== 'open') this.relayClosed()
  }

  /** Waits until every connection that has come up has won or failed its proof. */
  proving(): Promise<void> {
    return this.#race.proving()
  }

  /**
   * Takes a DCUtR stream that the other side opened. While packets fly, a new stream means that the other side has
   * given the round up; while messages go, it is one too many.
   *
   * @returns whether the stream is wanted
   */
  deliver(stream: Stream, relayed: Connection): boolean {
    if (this.signal.aborted || this.#next != null) return false
    if (this.side === 'initiator') {
      if (!this.#yields || !this.#fresh || this.stage !== 'talk') return false
      this.#swap(relayed)
    } else if (this.stage === 'talk') return false
    if (this.#waiting != null) {
      this.#waiting(stream)
      this.#waiting = undefined
    } else {
      this.#next = stream
      this.#round?.abort(new NatError('LINK_CLOSED', 'the other side began a round'))
    }
    return true
  }

  /** The other side's next stream; undefined when the session changes sides instead. */
  nextStream(): Promise<Stream | undefined> {
    const { promise, resolve } = Promise.withResolvers<Stream | undefined>()
    if (this.#next == null) this.#waiting = resolve
    else resolve(this.#next)
    this.#next = undefined
    return promise
  }

  /**
   * Both peers may have dialled each other over a relay at the same time. Each is then the initiator of one connection
   * and the receiver of the other, and one exchange is enough: that of the peer with the smaller id goes on, whichever
   * of the two connections came first. (Others know no such rule; then we receive their exchange, and refuse it at worst.)
   */
  meet(relayed: Connection): void {
    if (sideOf(relayed) === this.side || this.stage !== 'rest' || !this.#fresh) return
    if (this.side === 'receiver' && !this.#yields) this.#swap(relayed)
  }

  /**
   * Our exchange was refused, perhaps because the other side's goes first.
   *
   * @returns whether the session is a receiver now
   */
  giveWay(connections: readonly Connection[]): boolean {
    if (!this.#yields || !this.#fresh) return false
    const other = connections.find(each => !each.direct && each.status === 'open' && sideOf(each) === 'receiver')
    if (other != null) this.#swap(other)
    return other != null
  }

  get #fresh(): boolean {
    return this.attempts.length === 0
  }

  #swap(relayed: Connection): void {
    this.relayed = relayed
    this.side = sideOf(relayed)
    this.#waiting?.(undefined)
    this.#waiting = undefined
  }

  /** The relayed connection has closed: nothing more can be agreed, but packets in flight may still meet. */
  relayClosed(): void {
    if (this.stage !== 'punch') this.#over.abort(new NatError('LINK_CLOSED', 'the relayed connection closed'))
  }

  stop(): void {
    const reason = new NatError('LINK_CLOSED', 'the node stops')
    this.#stopped.abort(reason)
    this.#over.abort(reason)
  }

  /** Stops everything that is still under way. */
  conclude(): void {
    const reason = new NatError('LINK_CLOSED', 'the upgrade is over')
    this.#over.abort(reason)
    this.#next?.abort(reason)
  }

  /** Tells the result; all attempts must have been recorded. */
  finish(): void {
    this.finished = true
    const { attempts, winner } = this
    this.#resolveEnded(winner == null ? { outcome: 'relayed', attempts } : { outcome: 'direct', ...winner, attempts })
  }
}

/** The side to which a relayed connection is inbound begins. */
function sideOf(relayed: Connection): Side {
  return relayed.direction === 'inbound' ? 'initiator' : 'receiver'
}
