import type { Clock, Timer } from '../../core/clock.ts'
import type { TechniqueName } from '../attempt.ts'
import type { PlanStep } from '../plan.ts'
import { AGREEMENT } from './agreement.ts'

/** What the side that decides is to propose, as the other side sees it. */
export class Overdue {
  readonly #clock: Clock
  readonly #onOverdue: (techniques: readonly TechniqueName[]) => void
  #timer: Timer | undefined

  /** @param onOverdue the time is up in which all of them are proposed by who knows them */
  constructor(clock: Clock, onOverdue: (techniques: readonly TechniqueName[]) => void) {
    this.#clock = clock
    this.#onOverdue = onOverdue
  }

  /** These, and nothing of what was expected before. */
  expect(steps: readonly PlanStep[]): void {
    this.stop()
    if (steps.length === 0) return
    const lastMs = Math.max(...steps.map(({ startMs }) => startMs))
    const techniques = steps.map(({ technique }) => technique)
    this.#timer = this.#clock.after(lastMs + AGREEMENT.answerMs, () => this.#onOverdue(techniques))
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
