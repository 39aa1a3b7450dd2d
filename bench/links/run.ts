import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../src/core/random.ts'
import { nowMs } from './events.ts'
import type { Pair } from './pair.ts'
import type { Stage } from './stage.ts'
import { FIRST, round, type Step } from './steps.ts'

/** A step, and when it was done. */
export interface Mark {
  readonly step: Step
  readonly atMs: number
  /** Whether the stream went on by the path that it had to, within the deadline. */
  readonly met: boolean
  /** From the step until all that was due had come as well; undefined when that took too long. */
  readonly inTimeMs: number | undefined
  /** When the step was over: what comes then may be another program, started anew. */
  readonly endMs: number
}

export interface RunOptions {
  /** For how long groups of steps are begun; without it, every group once. */
  readonly seconds?: number
  /** How long the stream may take to go on by the path that it has to. */
  readonly deadlineMs: number
  /** How long what is due may take to have come, too, before the next step is done all the same. */
  readonly catchUpMs: number
  /** How long it goes on before the next step, at least and at most. */
  readonly restMs: readonly [number, number]
  readonly onStep?: (step: Step) => void
  readonly onMark?: (mark: Mark) => void
}

/** What was on its way arrives after a step, too: two links of 20 ms, and their queues. */
const ON_ITS_WAY_MS = 500
/** A minute after a direct path was lost, the searches for another one are half a minute apart (docs/path-protocol.md). */
const SEARCH_MS = 30_000
/** js-libp2p and its relays, started anew. */
const RESTART_MS = 20_000

/**
 * Does one step after the other while the streams go on.
 *
 * @param others go along; one whose stream is still broken when a group begins is started anew
 */
export async function run(
  stage: Stage,
  pair: Pair,
  others: readonly Pair[],
  random: Random,
  options: RunOptions,
  signal: AbortSignal
): Promise<Mark[]> {
  const marks: Mark[] = []
  const endMs = nowMs() + (options.seconds ?? 0) * 1000
  const perform = async (step: Step) => {
    options.onStep?.(step)
    const atMs = nowMs()
    const relay = pair.sent('path').findLast(({ kind }) => kind === 'relay')
    await stage.act(step.act, relay?.remote, signal)
    const sinceMs = nowMs() + ON_ITS_WAY_MS
    const isThere = () => (step.path === 'any' || pair.path?.kind === step.path) && pair.isMoving(sinceMs)
    const met = await pair.until(isThere, options.deadlineMs + (step.isUntold ? SEARCH_MS : 0), signal)
    const isInTime = await pair.until(() => pair.isInTime(sinceMs), options.catchUpMs, signal)
    const inTimeMs = isInTime ? nowMs() - atMs : undefined
    await delay(random.int(...options.restMs), undefined, { signal })
    const mark = { step, atMs, met, inTimeMs, endMs: nowMs() }
    marks.push(mark)
    options.onMark?.(mark)
  }
  await perform(FIRST)
  do {
    for (const group of round(random)) {
      for (const other of others) await revive(other, signal)
      for (const step of group) await perform(step)
      if (options.seconds !== undefined && nowMs() >= endMs) return marks
    }
  } while (options.seconds !== undefined)
  return marks
}

async function revive(pair: Pair, signal: AbortSignal): Promise<void> {
  if (pair.isMoving(nowMs() - ON_ITS_WAY_MS)) return
  await pair.start().catch(() => {})
  const startMs = nowMs()
  await pair.until(() => pair.isMoving(startMs), RESTART_MS, signal)
}
