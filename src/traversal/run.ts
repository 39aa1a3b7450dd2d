import { type Clock, sleep, type Timer } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { type Attempt, REASONS, type Reason } from './attempt.ts'
import type { PlanStep } from './plan.ts'
import type { AttemptContext, AttemptResult, Technique } from './technique.ts'

export const RUN = {
  /** An attempt may take so many times what it takes mostly, and has ended within that: longer than the slowest honest one, a TCP connect's answer. */
  patience: 10,
  leastMs: 15_000,
  mostMs: 60_000,
  /** A path was found: whose attempt it was knows a moment later. */
  graceMs: 100,
  /** `detail` is for people, and may be another program's words. */
  detailChars: 300
} as const

export interface RunInit {
  readonly steps: readonly PlanStep[]
  readonly techniqueOf: (name: string) => Technique | undefined
  readonly clock: Clock
  /** Aborts when there is a direct path: what has not found it is over. */
  readonly direct: AbortSignal
  /** Aborts when the link is over, or this plan is. */
  readonly signal: AbortSignal
  /** What an attempt works with. `release` is called once, when it is over. */
  readonly contextOf: (technique: Technique, signal: AbortSignal) => { context: AttemptContext; release(): void }
  /** For steps that need the other side: waits until that has agreed. @returns why it does not take part; undefined when it does */
  readonly agreed: (technique: Technique, signal: AbortSignal) => Promise<Reason | undefined>
  /** How long each attempt may take at least. Milliseconds. @default {@link RUN.leastMs} */
  readonly leastMs?: number
  /** Called once for each step, when it has ended or was passed over. */
  readonly onAttempt: (attempt: Attempt) => void
}

/** Carries out a plan: starts each step when its turn comes, and makes an attempt with a reason of whatever becomes of it. Never throws. */
export async function run(init: RunInit): Promise<void> {
  await Promise.all(init.steps.map(step => runStep(init, step)))
}

async function runStep(init: RunInit, step: PlanStep): Promise<void> {
  const { clock, onAttempt } = init
  const skipped = (reason: Reason) => onAttempt({ technique: step.technique, outcome: 'skipped', reason, ms: 0 })
  if (step.action === 'skip') return skipped(step.why)
  const technique = init.techniqueOf(step.technique)
  if (technique == null) return skipped('unsupported')
  const ending = new AbortController()
  const unfollow = follow(ending, init.direct, init.signal)
  try {
    const refusal = await turn(init, step, technique, ending.signal)
    if (refusal != null) return skipped(refusal)
    const beganMs = clock.now()
    const result = await attempt(init, technique, ending)
    onAttempt({ technique: technique.name, ...result, ms: Math.round(clock.now() - beganMs) })
  } finally {
    unfollow()
  }
}

/** Waits until the step may begin. @returns why it is passed over instead */
async function turn(
  init: RunInit,
  { startMs }: PlanStep,
  technique: Technique,
  signal: AbortSignal
): Promise<Reason | undefined> {
  try {
    signal.throwIfAborted()
    if (startMs > 0) await sleep(init.clock, startMs, signal)
    return technique.sides === 'both' ? await init.agreed(technique, signal) : undefined
  } catch {
    return endReason(init)
  }
}

async function attempt(init: RunInit, technique: Technique, ending: AbortController): Promise<AttemptResult> {
  const { clock } = init
  const patienceMs = Math.min(RUN.mostMs, Math.max(init.leastMs ?? RUN.leastMs, RUN.patience * technique.typicalMs))
  const { promise: over, resolve: end } = Promise.withResolvers<AttemptResult>()
  const timers: Timer[] = [
    clock.after(patienceMs, () => {
      ending.abort(new NatError('TIMEOUT', `${technique.name} has had its time`))
      end({ outcome: 'failed', reason: 'hung', detail: `had not ended after ${Math.round(patienceMs / 1000)} s` })
    })
  ]
  const onEnd = () => {
    timers.push(clock.after(RUN.graceMs, () => end({ outcome: 'skipped', reason: endReason(init) })))
  }
  ending.signal.addEventListener('abort', onEnd, { once: true })
  let release = () => {}
  try {
    const given = init.contextOf(technique, ending.signal)
    release = given.release
    const result = await Promise.race([over, Promise.resolve(technique.attempt(given.context)).then(checked)])
    // one that was stopped fails for whatever reason that gives it
    if (result.outcome === 'failed' && (init.direct.aborted || init.signal.aborted)) {
      return { ...result, outcome: 'skipped', reason: endReason(init) }
    }
    return result
  } catch (error) {
    if (init.direct.aborted || init.signal.aborted) return { outcome: 'skipped', reason: endReason(init) }
    // not its own fault
    const reason = error instanceof NatError && error.code === 'LIMIT' ? 'limit' : 'crashed'
    return { outcome: 'failed', reason, detail: said(error) }
  } finally {
    ending.signal.removeEventListener('abort', onEnd)
    for (const timer of timers) timer.cancel()
    ending.abort(new NatError('LINK_CLOSED', `the attempt by ${technique.name} is over`))
    release()
  }
}

const OUTCOMES: readonly unknown[] = ['ok', 'failed', 'skipped']

/** A technique may be anybody's. */
function checked(result: AttemptResult): AttemptResult {
  const { outcome, reason, detail } = result ?? {}
  if (!OUTCOMES.includes(outcome) || typeof reason !== 'string' || !Object.hasOwn(REASONS, reason)) {
    return { outcome: 'failed', reason: 'crashed', detail: 'it answered what is no attempt' }
  }
  return { outcome, reason, ...(detail == null ? {} : { detail: short(detail) }) }
}

function short(detail: unknown): string {
  return String(detail).slice(0, RUN.detailChars)
}

/** What is thrown may be anything, or nothing. */
function said(error: unknown): string {
  const words = error instanceof Error ? error.message || error.name : error
  return typeof words === 'string' && words !== '' ? short(words) : 'it threw what is no error'
}

function endReason({ direct }: RunInit): Reason {
  return direct.aborted ? 'already-direct' : 'aborted'
}

function follow(controller: AbortController, ...signals: readonly AbortSignal[]): () => void {
  const onAbort = () => controller.abort(new NatError('LINK_CLOSED', 'it is not needed any more'))
  for (const signal of signals) {
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
  }
  return () => {
    for (const signal of signals) signal.removeEventListener('abort', onAbort)
  }
}
