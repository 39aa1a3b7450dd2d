import type { IdentifyResult } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { withDeadline } from '../../core/deadline.ts'
import { filterCandidates } from '../../traversal/candidates.ts'
import type { Reversal as ReversalState } from '../../traversal/upgrade.ts'
import { type AddressCandidate, candidatesOf } from '../candidate.ts'
import type { Puncher } from '../punchable.ts'
import { allows, type Context, punchersOf, rulesOf, TIMES } from './context.ts'
import { type Dialled, dialAll, summaryOf } from './dial.ts'
import type { Session } from './session.ts'

/** Addresses dialled in one reversal at most: a public peer has one or two. */
const MAX_ADDRESSES = 4

/**
 * Connection reversal, the specification's unilateral upgrade: the other side reached us over a relay, but announces
 * public addresses of its own, so we dial those. It runs beside the exchange, from the moment that identify tells them.
 * Private ones are dialled once the other side's CONNECT shows that we are behind one NAT.
 */
export class Reversal {
  readonly #context: Context
  readonly #session: Session
  readonly #startMs: number
  readonly #tried = new Set<string>()
  readonly #dials: Array<Promise<Dialled[]>> = []
  readonly #identified = Promise.withResolvers<void>()
  #announced: readonly Multiaddr[] = []
  #observed: readonly AddressCandidate[] = []
  #running = 0
  #protocols: readonly string[] | undefined

  constructor(context: Context, session: Session) {
    this.#context = context
    this.#session = session
    this.#startMs = context.clock.now()
    context.components.events.addEventListener('peer:identify', this.#onIdentify)
  }

  get state(): ReversalState {
    if (this.#dials.length === 0) return 'not-public'
    return this.#running > 0 ? 'dialling' : 'failed'
  }

  /** Takes what the other side's CONNECT holds, by which a NAT in common shows. */
  theirsAre(observed: readonly AddressCandidate[]): void {
    this.#observed = observed
    this.#consider()
  }

  /** Waits until every dial has ended, `ms` at the most. Aborts with the session. */
  async settled(ms: number): Promise<void> {
    const dials = Promise.allSettled(this.#dials)
    await withDeadline(this.#context.clock, ms, 'a reversal', this.#session.signal, () => dials).catch(() => {})
  }

  /** The protocols that the other side says it speaks, for which it waits; undefined when identify does not come. */
  async protocols(ms: number = TIMES.identifyMs): Promise<readonly string[] | undefined> {
    if (this.#protocols == null) {
      const patience = withDeadline(
        this.#context.clock,
        ms,
        'identify',
        this.#session.signal,
        () => this.#identified.promise
      )
      await patience.catch(() => {})
    }
    return this.#protocols
  }

  /** Where no punch is possible: waits for identify, and for the reversal that it may allow. */
  async lastHope(): Promise<void> {
    await this.protocols()
    await this.settled(TIMES.windowMs)
  }

  /** Stops listening; dials under way go on. */
  close(): void {
    this.#context.components.events.removeEventListener('peer:identify', this.#onIdentify)
  }

  /** Records what came of it. To be called when the session's signal has aborted. */
  async finish(): Promise<void> {
    const { winner } = this.#session
    const ms = this.#context.clock.now() - this.#startMs
    if (this.#dials.length === 0) {
      if (allows(this.#context, 'reverse') && (winner == null || winner.technique !== 'direct')) {
        this.#session.record('reverse', 'skipped', this.#reasonUntried(), 0)
      }
      return
    }
    if (winner != null && winner.technique !== 'reverse') {
      this.#session.record('reverse', 'skipped', 'already-direct', 0)
      return
    }
    if (winner != null) {
      this.#session.record('reverse', 'ok', 'connected', ms, winner.connection.remoteAddr.toString())
      return
    }
    const { reason, detail } = summaryOf((await Promise.all(this.#dials)).flat())
    this.#session.record('reverse', 'failed', reason, ms, detail)
  }

  #reasonUntried(): 'already-direct' | 'peer-not-public' {
    return this.#session.winner != null && this.#protocols == null ? 'already-direct' : 'peer-not-public'
  }

  #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    if (!detail.peerId.equals(this.#session.peer) || detail.connection.direct) return
    this.#announced = detail.signedPeerRecord?.addresses ?? detail.listenAddrs
    this.#consider()
    this.#protocols = detail.protocols
    this.#identified.resolve()
  }

  #consider(): void {
    const context = this.#context
    if (!allows(context, 'reverse')) return
    const punchers = punchersOf(context)
    const rules = rulesOf(context, context.observed.candidates())
    const announced = new Set<AddressCandidate>()
    const fresh = filterCandidates(this.#list(punchers, announced), rules)
      .usable.filter(candidate => announced.has(candidate) && !this.#tried.has(candidate.multiaddr.toString()))
      .slice(0, MAX_ADDRESSES - this.#tried.size)
    if (fresh.length === 0 || this.#session.signal.aborted) return
    for (const { multiaddr } of fresh) this.#tried.add(multiaddr.toString())
    this.#running++
    this.#dials.push(
      dialAll(context, this.#session, fresh, 'reverse', this.#session.signal).finally(() => {
        this.#running--
      })
    )
  }

  *#list(punchers: readonly Puncher[], announced: Set<AddressCandidate>): Generator<AddressCandidate | undefined> {
    for (const candidate of candidatesOf(this.#announced, punchers)) {
      if (candidate != null) announced.add(candidate)
      yield candidate
    }
    yield* this.#observed
  }
}
