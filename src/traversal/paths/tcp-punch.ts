import type { PathCandidate, PathMessage } from '../../wire/path.ts'
import type { AgentEvent } from './api.ts'
import type { AgentRole } from './selection.ts'

export const TCP_PUNCH = {
  /** So long UDP has the way to itself: its first round has been sent and answered by then, or it will not be. */
  afterUdpMs: 1_000,
  /** Between the end of an attempt and the next one: three in the first minute. */
  backoffMs: [5_000, 20_000, 60_000, 120_000, 300_000],
  /** For their answer, and for what becomes of a punch. */
  answerMs: 5_000,
  resultMs: 30_000,
  /** The other side's rounds are followed at most so often. */
  followMs: 2_000
} as const

type PunchTcp = Extract<PathMessage, { type: 'PUNCH_TCP' }>

export interface TcpFacts {
  /** It is worth trying now: no direct path, the technique is allowed, UDP has had its time. */
  readonly wanted: boolean
  /** The path stream is there. */
  readonly stream: boolean
  readonly own: readonly PathCandidate[]
  /** Whether they have an address that we may dial. */
  readonly reachable: boolean
}

export interface TcpStep {
  readonly messages: readonly PathMessage[]
  readonly events: readonly AgentEvent[]
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
  #followedMs = Number.NEGATIVE_INFINITY

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
    if (state.type !== 'idle' && due) this.#failed(nowMs)
    if (state.type !== 'idle' || !due || !wanted || !stream || own.length === 0 || !reachable) return nothing
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
    if (round <= this.#round || nowMs - this.#followedMs < TCP_PUNCH.followMs) return nothing
    this.#round = round
    this.#followedMs = nowMs
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
    if (this.#state.type === 'idle') this.#state = { type: 'idle', nextMs: nowMs + TCP_PUNCH.afterUdpMs }
  }

  #begin(nowMs: number, candidates: readonly PathCandidate[]): TcpStep {
    if (candidates.length === 0) {
      this.#failed(nowMs)
      return nothing
    }
    this.#state = { type: 'punching', untilMs: nowMs + TCP_PUNCH.resultMs }
    const role = this.#role === 'controlling' ? 'client' : 'server'
    return { messages: [], events: [{ type: 'punch-tcp', candidates, role }] }
  }

  #failed(nowMs: number): void {
    const last = TCP_PUNCH.backoffMs.length - 1
    this.#state = { type: 'idle', nextMs: nowMs + TCP_PUNCH.backoffMs[Math.min(this.#failures++, last)]! }
  }
}

const nothing: TcpStep = { messages: [], events: [] }
