import { Allowance } from '../../core/allowance.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { TechniqueName } from '../attempt.ts'
import { AGREEMENT, type Agreement } from './agreement.ts'
import type { AttemptStep } from './attempts.ts'
import type { Planning } from './planning.ts'

export interface ProposalsInit {
  readonly clock: Clock
  readonly planning: Planning
  readonly agreement: Agreement
  /** The time is up in which all of them are proposed by who knows them. */
  readonly onOverdue: (techniques: readonly TechniqueName[]) => void
}

/** What the side that decides proposes, as the other side sees it. */
export class Proposals {
  readonly #init: ProposalsInit
  readonly #plans = new Allowance(AGREEMENT.plans)
  #timer: Timer | undefined

  constructor(init: ProposalsInit) {
    this.#init = init
  }

  /** A plan has come, and is answered. @returns the steps of it that we take part in */
  heard(message: Extract<PathMessage, { type: 'PLAN' }>, isDirect: boolean): readonly AttemptStep[] {
    const { clock, planning, agreement } = this.#init
    if (!this.#plans.take('', clock.now())) return []
    // the first one may have waited for the path stream, while what is cheap went on
    const sinceMs = agreement.round === 0 ? planning.sinceMs : 0
    const judge = (name: TechniqueName) => planning.judge(name, isDirect)
    const taken = agreement.answer(message, judge).filter(({ technique }) => planning.mustAgree(technique))
    return taken.map(({ technique, startMs }) => {
      const why = judge(technique)?.why ?? 'not-known'
      return { technique, why, action: 'take', startMs: Math.max(0, startMs - sinceMs), round: message.round }
    })
  }

  /** Those that both sides take part in by our plan as it is now are proposed from now on, or never. */
  expect(): void {
    this.stop()
    const { clock, planning, onOverdue } = this.#init
    const { shared } = planning
    if (shared.length === 0) return
    const lastMs = Math.max(...shared.map(({ startMs }) => startMs))
    const techniques = shared.map(({ technique }) => technique)
    this.#timer = clock.after(lastMs + AGREEMENT.answerMs, () => onOverdue(techniques))
  }

  /** Nothing is expected any more. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
