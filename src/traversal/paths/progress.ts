import type { Attempt, Reason } from '../attempt.ts'
import type { Known } from './known.ts'

export interface Failing {
  /** Hosts of theirs that we may send to. */
  readonly targets: number
  readonly own: number
}

/** Tells people what came of the first round of checks, and of the one that succeeded when that did not. */
export class Progress {
  #beganMs: number | undefined
  #told: 'nothing' | 'failed' | 'ok' = 'nothing'

  /** A round has begun. */
  began(nowMs: number): void {
    this.#beganMs ??= nowMs
  }

  /** Another network: another story. */
  reset(): void {
    this.#beganMs = undefined
    this.#told = 'nothing'
  }

  found(known: Known, nowMs: number): Attempt | undefined {
    if (this.#told === 'ok') return undefined
    this.#told = 'ok'
    const { path, technique } = known
    const detail = path.kind === 'udp' ? { detail: `${path.remote.address} ${path.remote.port}` } : {}
    return { technique, outcome: 'ok', reason: 'connected', ms: this.#msAt(nowMs), ...detail }
  }

  failed({ targets, own }: Failing, nowMs: number): Attempt | undefined {
    if (this.#told !== 'nothing') return undefined
    this.#told = 'failed'
    const technique = 'punch-quic'
    if (targets === 0) return { technique, outcome: 'skipped', reason: 'no-peer-address', ms: 0 }
    const reason: Reason = own === 0 ? 'no-own-address' : 'no-answer'
    const detail = `no answer from ${targets} address${targets === 1 ? '' : 'es'}`
    return { technique, outcome: 'failed', reason, ms: this.#msAt(nowMs), detail }
  }

  #msAt(nowMs: number): number {
    return Math.round(nowMs - (this.#beganMs ?? nowMs))
  }
}
