import { Allowance } from '../../core/allowance.ts'
import type { Timer } from '../../core/clock.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { TechniqueName } from '../attempt.ts'
import type { TraversalInit } from './ground.ts'

export const KNOWLEDGE = {
  /** Reports of the other side that are looked at: an honest one changes a few times while its node starts, and then each hour. */
  reports: { burst: 8, refillMs: 5_000, maxKeys: 1 },
  /** How long reports are waited for: a node knows its network seconds after it has started. */
  waitMs: 6_000
} as const

type Report = Extract<PathMessage, { type: 'REPORT' }>

/** What is known of both networks, and of what has worked between them. */
export class Knowledge {
  readonly #init: Pick<TraversalInit, 'send' | 'clock' | 'experience'>
  readonly #reports = new Allowance(KNOWLEDGE.reports)
  #mine: NetworkSummary | undefined
  #theirs: NetworkSummary | undefined
  #theirSeq = -1
  #seq = 0
  #timer: Timer | undefined
  #waited = false

  constructor(init: Pick<TraversalInit, 'send' | 'clock' | 'experience'>) {
    this.#init = init
  }

  get mine(): NetworkSummary | undefined {
    return this.#mine
  }

  get theirs(): NetworkSummary | undefined {
    return this.#theirs
  }

  /** Of both networks. */
  get isComplete(): boolean {
    return this.#mine != null && this.#theirs != null
  }

  /** All that is to be known is, or is not waited for any more. */
  get isSettled(): boolean {
    return this.isComplete || this.#waited
  }

  /** What the offers said. @param onWaited called when what is missing then has not come in time */
  begin(mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined, onWaited: () => void): void {
    this.#mine = mine
    this.#theirs = theirs
    this.#timer = this.#init.clock.after(KNOWLEDGE.waitMs, () => {
      this.#waited = true
      onWaited()
    })
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** Ours is another one now; the other side is told. @returns whether it is */
  learn(mine: NetworkSummary | undefined): boolean {
    if (mine === this.#mine) return false
    this.#mine = mine
    if (mine != null) this.#init.send({ type: 'REPORT', seq: ++this.#seq, summary: mine })
    return true
  }

  /** Ours has changed, and is not known yet. */
  forgetMine(): void {
    this.#mine = undefined
  }

  /** @returns whether the other side has told something new */
  hear({ seq, summary }: Report): boolean {
    if (seq <= this.#theirSeq || !this.#reports.take('', this.#init.clock.now())) return false
    this.#theirSeq = seq
    this.#theirs = summary
    return true
  }

  /** What found a path between these two networks the last time. */
  get worked(): TechniqueName | undefined {
    if (this.#mine == null || this.#theirs == null) return undefined
    return this.#init.experience?.recall(this.#mine, this.#theirs)
  }

  remember(technique: TechniqueName): void {
    if (this.#mine != null && this.#theirs != null) {
      this.#init.experience?.remember(this.#mine, this.#theirs, technique)
    }
  }

  /** It did not find one this time. */
  forgetWorked(): void {
    if (this.#mine != null && this.#theirs != null) this.#init.experience?.forget(this.#mine, this.#theirs)
  }
}
