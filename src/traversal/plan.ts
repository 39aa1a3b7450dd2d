import type { NetworkSummary } from '../wire/summary.ts'
import { REASONS, type Reason, type TechniqueName } from './attempt.ts'
import type { Fit, Technique } from './technique.ts'

/** What is to become of one technique, and why. */
export interface PlanStep {
  readonly technique: TechniqueName
  readonly action: 'take' | 'skip'
  readonly why: Reason
  /** After the plan was agreed on; 0 of what is skipped. Milliseconds. */
  readonly startMs: number
}

/** One step for each technique: those that are taken in the order of their start, the relay first, then those that are not. */
export interface Plan {
  readonly steps: readonly PlanStep[]
}

/** A technique, as far as a plan asks. */
export type Plannable = Omit<Technique, 'attempt'>

export interface PlanOptions {
  readonly techniques: readonly Plannable[]
  /** Names of those that may be used; the relay may always. @default all */
  readonly allowed?: ReadonlySet<TechniqueName> | undefined
  /** `link`: a node of ours; `foreign`: nothing can be agreed on with it but DCUtR. */
  readonly peer: 'link' | 'foreign'
  /** Its id, for techniques that know some peers only. @default not known */
  readonly peerId?: string | undefined
  /** What found a path between these two networks the last time. */
  readonly worked?: TechniqueName | undefined
}

/** DCUtR agrees on these with anybody. */
const BY_DCUTR: ReadonlySet<TechniqueName> = new Set(['punch-quic', 'punch-tcp'])

/**
 * How two peers try to meet. Pure; both sides come to the same, each from its own point of view. The relay and what needs nobody's consent
 * begin at once, all else when what is cheaper and may work has had the time that it mostly takes.
 */
export function plan(mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined, options: PlanOptions): Plan {
  const { techniques, worked } = options
  const judged = techniques.map(technique => ({ technique, ...judge(technique, mine, theirs, options) }))
  const taken = judged.filter(({ fits }) => fits).toSorted((a, b) => a.technique.cost - b.technique.cost)
  const ready: { readonly cost: number; readonly atMs: number }[] = []
  const begun = taken.map(({ technique, why }) => {
    const { name, cost, typicalMs, sides } = technique
    const waits = sides === 'both' && name !== worked
    const cheaper = ready.filter(other => other.cost < cost)
    const startMs = waits ? Math.max(0, ...cheaper.map(({ atMs }) => atMs)) : 0
    ready.push({ cost, atMs: startMs + typicalMs })
    return step(technique, 'take', why, startMs)
  })
  const isFirst = ({ technique }: PlanStep) => (technique === 'relay' ? 2 : technique === worked ? 1 : 0)
  return {
    steps: [
      ...begun.toSorted((a, b) => a.startMs - b.startMs || isFirst(b) - isFirst(a)),
      ...judged.filter(({ fits }) => !fits).map(({ technique, why }) => step(technique, 'skip', why, 0))
    ]
  }
}

function judge(
  technique: Plannable,
  mine: NetworkSummary | undefined,
  theirs: NetworkSummary | undefined,
  { allowed, peer, peerId, worked }: PlanOptions
): Fit {
  const { name, sides } = technique
  if (name === 'relay') return fitOf(technique, mine, theirs, peerId)
  if (allowed?.has(name) === false) return { fits: false, why: 'not-allowed' }
  if (peer === 'foreign' && sides === 'both' && !BY_DCUTR.has(name)) return { fits: false, why: 'needs-link' }
  const fit = fitOf(technique, mine, theirs, peerId)
  return name === worked && (fit.fits || fit.why === 'not-known') ? { fits: true, why: 'worked-before' } : fit
}

/** A technique may be anybody's. */
function fitOf(
  technique: Plannable,
  mine: NetworkSummary | undefined,
  theirs: NetworkSummary | undefined,
  peerId: string | undefined
): Fit {
  try {
    const { fits, why } = technique.fits(mine, theirs, peerId)
    return typeof fits === 'boolean' && Object.hasOwn(REASONS, why) ? { fits, why } : { fits: false, why: 'crashed' }
  } catch {
    return { fits: false, why: 'crashed' }
  }
}

function step({ name }: Plannable, action: PlanStep['action'], why: Reason, startMs: number): PlanStep {
  return { technique: name, action, why, startMs }
}
