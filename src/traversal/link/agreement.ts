import type { Clock } from '../../core/clock.ts'
import type { PathMessage } from '../../wire/path.ts'
import { MAX_START_MS, MAX_STEPS, type ProposedStep } from '../../wire/plan.ts'
import { REASONS, type Reason, type TechniqueName } from '../attempt.ts'
import type { PlanStep } from '../plan.ts'

export const AGREEMENT = {
  /** For the other side's word: the path stream opens when QUIC's handshake is done, and relays can be slow. */
  answerMs: 10_000,
  /** Plans of the other side that are looked at: an honest one makes a new one when a report changes, and when it tries again. */
  plans: { burst: 8, refillMs: 5_000, maxKeys: 1 }
} as const

type PlanMessage = Extract<PathMessage, { type: 'PLAN' }>
type AgreeMessage = Extract<PathMessage, { type: 'AGREE' }>

interface Asked {
  readonly round: number
  readonly answer: Promise<Reason | undefined>
  resolve(reason: Reason | undefined): void
}

/** What each side takes part in, of steps that need both: the side that decides proposes, the other one answers. */
export class Agreement {
  readonly #send: (message: PathMessage) => void
  readonly #asked = new Map<TechniqueName, Asked>()
  #round = 0

  constructor(send: (message: PathMessage) => void) {
    this.#send = send
  }

  /** Of the last plan. */
  get round(): number {
    return this.#round
  }

  /** Proposes steps; what was proposed before and not answered stays. */
  propose(steps: readonly PlanStep[]): void {
    if (steps.length === 0) return
    // whoever has registered more than a plan can hold has them proposed in several
    if (steps.length > MAX_STEPS) this.propose(steps.slice(MAX_STEPS))
    this.#propose(steps.slice(0, MAX_STEPS))
  }

  #propose(steps: readonly PlanStep[]): void {
    const round = ++this.#round
    for (const { technique } of steps) {
      const { promise: answer, resolve } = Promise.withResolvers<Reason | undefined>()
      this.#asked.set(technique, { round, answer, resolve })
    }
    this.#send({ type: 'PLAN', round, steps: steps.map(proposed) })
  }

  /** @returns the round in which the technique was proposed last */
  roundOf(technique: TechniqueName): number {
    return this.#asked.get(technique)?.round ?? this.#round
  }

  /** The other side's word on a step. @returns why it takes no part; undefined when it does @throws the signal's reason */
  async agreed(technique: TechniqueName, clock: Clock, signal: AbortSignal): Promise<Reason | undefined> {
    const asked = this.#asked.get(technique)
    if (asked == null) return 'disagreed'
    const { promise: ended, resolve, reject } = Promise.withResolvers<Reason | undefined>()
    const timer = clock.after(AGREEMENT.answerMs, () => resolve('silent'))
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      return await Promise.race([asked.answer, ended])
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The other side has answered a plan of ours. */
  answered({ round, takes, refuses }: AgreeMessage): void {
    const reasons = new Map(refuses.map(({ technique, reason }) => [technique, known(reason)]))
    for (const [technique, asked] of this.#asked) {
      if (asked.round !== round) continue
      // of what it names in neither list it knows nothing
      asked.resolve(takes.includes(technique) ? undefined : (reasons.get(technique) ?? 'unsupported'))
    }
  }

  /**
   * Answers a plan of the other side.
   *
   * @param judge what we would do with a technique; undefined when we do not know it
   * @returns the steps that we take part in; none when the plan is an old one
   */
  answer(
    { round, steps }: PlanMessage,
    judge: (technique: TechniqueName) => Pick<PlanStep, 'action' | 'why'> | undefined
  ): readonly ProposedStep[] {
    if (round < this.#round) return []
    const again = round === this.#round
    this.#round = round
    const judged = steps.map(step => ({ step, ours: judge(step.technique) }))
    const taken = judged.filter(({ ours }) => ours?.action === 'take').map(({ step }) => step)
    const refuses = judged.flatMap(({ step, ours }) => {
      return ours?.action === 'skip' ? [{ technique: step.technique, reason: ours.why }] : []
    })
    this.#send({ type: 'AGREE', round, takes: taken.map(({ technique }) => technique), refuses })
    return again ? [] : taken
  }
}

/** Clocks tell fractions of a millisecond, and a technique of the user's may mostly take as long as it likes: a message holds neither. */
function proposed({ technique, startMs }: PlanStep): ProposedStep {
  return { technique, startMs: Math.min(MAX_START_MS, Math.round(startMs)) }
}

/** A later version, or a technique of its user's, may have reasons that we do not know. */
function known(reason: string): Reason {
  return Object.hasOwn(REASONS, reason) ? (reason as Reason) : 'disagreed'
}
