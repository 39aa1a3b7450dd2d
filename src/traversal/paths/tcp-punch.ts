import { Allowance, type AllowanceInit } from '../../core/allowance.ts'
import type { PathCandidate, PathMessage } from '../../wire/path.ts'
import type { Attempt, Reason } from '../attempt.ts'
import type { AgentEvent } from './api.ts'
import type { AgentRole } from './selection.ts'

export const TCP_PUNCH = {
  /** So long UDP has the way to itself: its first round has been sent and answered by then, or it will not be. */
  afterUdpMs: 1_000,
  /** Between the end of an attempt and the next one: three in the first minute. */
  backoffMs: [5_000, 20_000, 60_000, 120_000, 300_000],
  /** For their answer, and for what becomes of a punch. */
  answerMs: 5_000,
  resultMs: 30_000
} as const

/**
 * The other side's rounds that are followed: what an honest one asks for by the backoff above. Each is five SYNs and their repetitions
 * to every address that it names.
 */
const FOLLOW_ALLOWANCE: AllowanceInit = { burst: 4, refillMs: 30_000, maxKeys: 1 }

type PunchTcp = Extract<PathMessage, { type: 'PUNCH_TCP' }>

export interface TcpFacts {
  /** It is worth trying now: no direct path, the technique is allowed, UDP has had its time. */
  readonly wanted: boolean
  /** The path stream is there. */
  readonly stream: boolean
  readonly own: readonly PathCandidate[]
  /** Whether they have an address that we may dial, or we have one at which everybody is let in. */
  readonly reachable: boolean
}

export interface TcpStep {
  readonly messages: readonly PathMessage[]
  readonly events: readonly AgentEvent[]
  /** What came to nothing before anybody connected. */
  readonly attempt?: Attempt
}

type State =
  | { readonly type: 'idle'; readonly nextMs: number }
  | { readonly type: 'asked'; readonly round: number; readonly untilMs: number }
  | { readonly type: 'waiting'; readonly atMs: number; readonly candidates: readonly PathCandidate[] }
  | { readonly type: 'punching'; readonly untilMs: number }

/** Agrees with the other side on when both begin a simultaneous TCP connect. */
export class TcpPunch {
  readonly #role: AgentRole
  #state: State = { type: 'idle', nextMs: 0 }
  /** The last round: ours when we decide, else theirs. */
  #round = 0
  #failures = 0
  readonly #followed = new Allowance(FOLLOW_ALLOWANCE)
  #passedOver = false

  constructor(role: AgentRole) {
    this.#role = role
  }

  get wakeAtMs(): number {
    const state = this.#state
    switch (state.type) {
      case 'idle':
        return this.#role === 'controlling' ? state.nextMs : Number.POSITIVE_INFINITY
      case 'waiting':
        return state.atMs
      case 'asked':
      case 'punching':
        return state.untilMs
      default:
        return state satisfies never
    }
  }

  step(nowMs: number, { wanted, stream, own, reachable }: TcpFacts): TcpStep {
    const state = this.#state
    const due = nowMs >= this.wakeAtMs
    if (state.type === 'waiting' && due) return this.#begin(nowMs, state.candidates)
    if (state.type === 'asked' && due) {
      this.#failed(nowMs)
      return told({ outcome: 'failed', reason: 'silent', ms: TCP_PUNCH.answerMs, detail: 'asked for a TCP connect' })
    }
    if (state.type === 'punching' && due) this.#failed(nowMs)
    if (this.#state.type !== 'idle' || !wanted) return nothing
    if (own.length === 0 || !reachable) return this.#passOver(own.length === 0 ? 'no-own-address' : 'no-peer-address')
    if (nowMs < this.wakeAtMs || !stream) return nothing
    this.#state = { type: 'asked', round: ++this.#round, untilMs: nowMs + TCP_PUNCH.answerMs }
    return { messages: [{ type: 'PUNCH_TCP', round: this.#round, candidates: own }], events: [] }
  }

  /** @param dialable those of the message that we may dial @param rttMs of the way that messages take */
  message(
    nowMs: number,
    { round }: PunchTcp,
    dialable: readonly PathCandidate[],
    own: readonly PathCandidate[],
    rttMs: number
  ): TcpStep {
    if (this.#role === 'controlling') {
      if (this.#state.type !== 'asked' || this.#state.round !== round) return nothing
      return this.#begin(nowMs, dialable)
    }
    // one at a time: two would want the same ports
    if (round <= this.#round || this.#state.type !== 'idle' || !this.#followed.take('', nowMs)) return nothing
    this.#round = round
    this.#state = { type: 'waiting', atMs: nowMs + rttMs / 2, candidates: dialable }
    return { messages: [{ type: 'PUNCH_TCP', round, candidates: own }], events: [] }
  }

  /** What became of it. */
  punched(nowMs: number, ok: boolean): void {
    if (this.#state.type !== 'punching') return
    if (!ok) this.#failed(nowMs)
    else {
      this.#failures = 0
      this.#state = { type: 'idle', nextMs: nowMs + TCP_PUNCH.backoffMs[0] }
    }
  }

  /** Another network: what failed before may work. */
  reset(nowMs: number): void {
    this.#failures = 0
    this.#passedOver = false
    if (this.#state.type === 'idle') this.#state = { type: 'idle', nextMs: nowMs + TCP_PUNCH.afterUdpMs }
  }

  /** Without an address of theirs too: they may come to ours. */
  #begin(nowMs: number, candidates: readonly PathCandidate[]): TcpStep {
    this.#state = { type: 'punching', untilMs: nowMs + TCP_PUNCH.resultMs }
    const role = this.#role === 'controlling' ? 'client' : 'server'
    return { messages: [], events: [{ type: 'punch-tcp', candidates, role }] }
  }

  /** Once, because nothing changes until something is told. */
  #passOver(reason: Reason): TcpStep {
    if (this.#passedOver) return nothing
    this.#passedOver = true
    return told({ outcome: 'skipped', reason, ms: 0 })
  }

  #failed(nowMs: number): void {
    const last = TCP_PUNCH.backoffMs.length - 1
    this.#state = { type: 'idle', nextMs: nowMs + TCP_PUNCH.backoffMs[Math.min(this.#failures++, last)]! }
  }
}

const nothing: TcpStep = { messages: [], events: [] }

function told(attempt: Omit<Attempt, 'technique'>): TcpStep {
  return { ...nothing, attempt: { technique: 'punch-tcp', ...attempt } }
}
