import type { Pair } from './pair.ts'
import { GAP_MS } from './receiver.ts'
import type { Mark } from './run.ts'

/** What a step did to a stream. */
export interface Effect {
  readonly step: string
  readonly atMs: number
  /** The longest time between two blocks until the next step; undefined when shorter than is told. */
  readonly stallMs: number | undefined
  /** From the step to the last change to a direct path; undefined when there was none. */
  readonly directMs: number | undefined
  /** Errors with which the stream ended, and milliseconds from the step to each. */
  readonly breaks: readonly { readonly ms: number; readonly error: string }[]
  /** Whether nothing came any more at the end of the step. */
  readonly isDead: boolean
}

/** The last block before a step may have come a moment before it. */
const BEFORE_MS = 1_000 / 50

/** Blocks are told of ten times a second. */
const LIVE_MS = 500

/** Pure: from all that the two programs told. */
export function effects(
  pair: Pick<Pair, 'sent' | 'received'>,
  marks: readonly Pick<Mark, 'step' | 'atMs' | 'endMs'>[]
): Effect[] {
  const gaps = pair.received('gap')
  const blocks = pair.received('blocks')
  return marks.map(({ step, atMs, endMs }, i) => {
    const untilMs = marks[i + 1]?.atMs ?? endMs
    const isWithin = (ms: number) => ms >= atMs - BEFORE_MS && ms < untilMs - BEFORE_MS
    const stalls = gaps.filter(({ fromMs }) => isWithin(fromMs)).map(({ ms }) => ms)
    const direct = pair.sent('path').findLast(path => path.kind === 'direct' && isWithin(path.atMs))
    return {
      step: step.name,
      atMs,
      stallMs: stalls.length === 0 ? undefined : Math.max(...stalls),
      directMs: direct && direct.atMs - atMs,
      breaks: pair
        .sent('broke')
        .filter(broke => isWithin(broke.atMs))
        .map(({ atMs: brokeMs, error }) => ({ ms: brokeMs - atMs, error })),
      isDead: !blocks.some(each => each.atMs >= endMs - LIVE_MS && each.atMs < endMs)
    }
  })
}

export function stallText(stallMs: number | undefined): string {
  return stallMs === undefined ? `< ${GAP_MS}` : stallMs.toFixed(0)
}
