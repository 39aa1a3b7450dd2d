import { type Clock, realClock, type Timer } from '../core/clock.ts'
import type { TechniqueName } from '../traversal/attempt.ts'
import type { Experience } from '../traversal/link/ground.ts'
import { pairKey, WhatWorked } from '../traversal/what-worked.ts'
import type { NetworkSummary } from '../wire/summary.ts'
import { type OnProblem, WhatWorkedFile } from './what-worked-file.ts'

/** All paths that a connect finds are found within a moment, and one write does for them. */
const SAVE_MS = 5_000

export interface NodeExperienceInit {
  readonly memory: WhatWorked
  /** Where it is kept beyond the node's life. @default nowhere */
  readonly file?: Pick<WhatWorkedFile, 'save'>
  readonly clock: Clock
  /** The time of day in milliseconds, because what is kept outlives any clock of a process. @default the machine's */
  readonly wallMs?: () => number
}

/** What found paths between the networks that a node was in and those of its peers. */
export class NodeExperience implements Experience {
  readonly #init: NodeExperienceInit
  readonly #wallMs: () => number
  #timer: Timer | undefined

  constructor(init: NodeExperienceInit) {
    this.#init = init
    this.#wallMs = init.wallMs ?? Date.now
  }

  recall(mine: NetworkSummary, theirs: NetworkSummary): TechniqueName | undefined {
    const pair = pairKey(mine, theirs)
    return pair == null ? undefined : this.#init.memory.recall(pair, this.#wallMs())
  }

  remember(mine: NetworkSummary, theirs: NetworkSummary, technique: TechniqueName): void {
    const pair = pairKey(mine, theirs)
    if (pair == null) return
    this.#init.memory.remember(pair, technique, this.#wallMs())
    this.#saveSoon()
  }

  forget(mine: NetworkSummary, theirs: NetworkSummary): void {
    const pair = pairKey(mine, theirs)
    if (pair == null || this.recall(mine, theirs) == null) return
    this.#init.memory.forget(pair)
    this.#saveSoon()
  }

  /** Keeps what is not kept yet. Never rejects. */
  async stop(): Promise<void> {
    if (this.#timer == null) return
    this.#timer.cancel()
    this.#timer = undefined
    await this.#init.file?.save()
  }

  #saveSoon(): void {
    const { file, clock } = this.#init
    if (file == null) return
    this.#timer ??= clock.after(SAVE_MS, () => {
      this.#timer = undefined
      void file.save()
    })
  }
}

/** @param file on disk; only in memory, when undefined. Never throws. */
export async function openExperience(file: string | undefined, onProblem: OnProblem): Promise<NodeExperience> {
  if (file == null) return new NodeExperience({ memory: new WhatWorked(), clock: realClock })
  const kept = await WhatWorkedFile.open(file, Date.now(), onProblem)
  return new NodeExperience({ memory: kept.memory, file: kept, clock: realClock })
}
