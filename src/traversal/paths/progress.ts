import type { Attempt, Reason, TechniqueName } from '../attempt.ts'
import type { Known } from './known.ts'

export interface Failing {
  /** Hosts of theirs that we may send to. */
  readonly targets: number
  readonly own: number
}

interface Story {
  readonly beganMs: number
  told: 'nothing' | 'failed' | 'ok'
}

/** Tells what came of the first round of checks by each technique, and of the one that succeeded when that did not. */
export class Progress {
  readonly #stories = new Map<TechniqueName, Story>()

  /** A round has begun. */
  began(techniques: Iterable<TechniqueName>, nowMs: number): void {
    for (const each of techniques) {
      if (!this.#stories.has(each)) this.#stories.set(each, { beganMs: nowMs, told: 'nothing' })
    }
  }

  /** Another network, or another plan: another story. */
  forget(technique: TechniqueName): void {
    this.#stories.delete(technique)
  }

  reset(): void {
    this.#stories.clear()
  }

  found({ path, technique }: Known, nowMs: number): Attempt | undefined {
    const story = this.#stories.get(technique) ?? { beganMs: nowMs, told: 'nothing' }
    if (story.told === 'ok') return undefined
    this.#stories.set(technique, { ...story, told: 'ok' })
    const detail = path.kind === 'udp' ? { detail: `${path.remote.address} ${path.remote.port}` } : {}
    return { technique, outcome: 'ok', reason: 'connected', ms: Math.round(nowMs - story.beganMs), ...detail }
  }

  /** A round has ended in vain. @param failingOf how much of it there was to try */
  failed(failingOf: (technique: TechniqueName) => Failing, nowMs: number): Attempt[] {
    return [...this.#stories].flatMap(([technique, story]) => {
      if (story.told !== 'nothing') return []
      story.told = 'failed'
      return failure(technique, failingOf(technique), Math.round(nowMs - story.beganMs))
    })
  }
}

function failure(technique: TechniqueName, { targets, own }: Failing, ms: number): Attempt {
  if (targets === 0) return { technique, outcome: 'skipped', reason: 'no-peer-address', ms: 0 }
  const reason: Reason = own === 0 ? 'no-own-address' : 'no-answer'
  const detail = `no answer from ${targets} address${targets === 1 ? '' : 'es'}`
  return { technique, outcome: 'failed', reason, ms, detail }
}
