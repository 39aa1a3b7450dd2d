import type { FloodEvent } from './flood.ts'

export type Bytes = Extract<FloodEvent, { event: 'bytes' }>

/** What came between two moments. MB/s. */
export function rate(all: readonly Bytes[], fromMs: number, toMs: number): number {
  const bytes = all.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).reduce((sum, each) => sum + each.bytes, 0)
  return bytes / 1000 / (toMs - fromMs)
}

/** The rate is looked at over so long. */
const WINDOW_MS = 250
/** And this share of what it is in the end counts as all of it. */
const ENOUGH = 0.8
const STEP_MS = 50

/** How long it took from a moment on until as much came as in the end, or undefined when it never did. Milliseconds. */
export function rampMs(all: readonly Bytes[], fromMs: number, toMs: number, finalRate: number): number | undefined {
  for (let atMs = fromMs; atMs + WINDOW_MS <= toMs; atMs += STEP_MS) {
    if (rate(all, atMs, atMs + WINDOW_MS) >= ENOUGH * finalRate) return atMs - fromMs
  }
  return undefined
}

/** The longest time between two moments in which nothing came, to the 50 ms of a bucket. */
export function longestGapMs(all: readonly Bytes[], fromMs: number, toMs: number): number {
  const times = all.map(({ atMs }) => atMs).filter(atMs => atMs >= fromMs && atMs <= toMs)
  return Math.max(0, ...times.slice(1).map((atMs, i) => atMs - times[i]!))
}
