import { Allowance } from '../../core/allowance.ts'
import type { Timer } from '../../core/clock.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Attempt, Reason, TechniqueName } from '../attempt.ts'
import type { AgentEvent } from '../paths/api.ts'
import { type Plan, type PlanStep, plan } from '../plan.ts'
import type { Technique } from '../technique.ts'
import { AGREEMENT, Agreement } from './agreement.ts'
import { Attempts } from './attempts.ts'
import type { TraversalInit } from './ground.ts'
import { Knowledge } from './knowledge.ts'

export const TRAVERSAL = {
  /** Between two tries of what takes both sides, while there is no direct path. TCP connects and checks have rounds of their own. */
  retryMs: [30_000, 120_000, 600_000, 3_600_000],
  /** How long reports are waited for before all counts as tried: a node knows its network seconds after it has started. */
  reportMs: 6_000
} as const

/** What the agents agree on by a message of its own: to be asked first by a plan would cost a round trip. */
const ASKS_ITSELF: ReadonlySet<TechniqueName> = new Set(['punch-tcp'])

type PathMessageOf<T extends PathMessage['type']> = Extract<PathMessage, { type: T }>
export type TraversalMessage = PathMessageOf<'REPORT' | 'PLAN' | 'AGREE' | 'TECHNIQUE'>
export type TraversalEvent = Extract<AgentEvent, { type: 'attempt' | 'found' | 'direct' | 'accept' | 'refuse' }>

/**
 * How a link gets a direct path: plans by what both sides know of their networks, agrees with the other side on what takes both, and carries it out;
 * anew when a report changes, when a direct path is lost, and ever more rarely while there is none.
 */
export class Traversal {
  readonly #init: TraversalInit
  readonly #onSettled: () => void
  readonly #byName: ReadonlyMap<TechniqueName, Technique>
  readonly #knowledge: Knowledge
  readonly #agreement: Agreement
  readonly #attempts: Attempts
  /** Those that run, or have run since something changed. */
  readonly #begun = new Set<TechniqueName>()
  readonly #passedOver = new Map<TechniqueName, Reason>()
  /** Of which something became since then. */
  readonly #told = new Set<TechniqueName>()
  readonly #plans = new Allowance(AGREEMENT.plans)
  #isOver = false
  #isDirect = false
  #plan: Plan = { steps: [] }
  /** When the search began that goes on: what is cheap was begun then. */
  #beganMs = 0
  #retries = 0
  #retry: Timer | undefined
  #wait: Timer | undefined
  #waited = false
  #overdue: Timer | undefined

  /** @param onSettled called when {@link tried} may have become true */
  constructor(init: TraversalInit, onSettled: () => void) {
    this.#init = init
    this.#onSettled = onSettled
    this.#byName = new Map(init.techniques.map(technique => [technique.name, technique]))
    this.#knowledge = new Knowledge(init)
    this.#agreement = new Agreement(init.send)
    const { role, clock } = init
    this.#attempts = new Attempts({
      traversal: { ...init, onAttempt: attempt => this.#tell(attempt) },
      techniqueOf: name => this.#byName.get(name),
      agreed: async ({ name }, signal) => {
        if (role === 'controlled' || ASKS_ITSELF.has(name)) return undefined
        return await this.#agreement.agreed(name, clock, signal)
      },
      onEnded: () => this.#ended()
    })
  }

  /** The latest. */
  get plan(): Plan {
    return this.#plan
  }

  get mine(): NetworkSummary | undefined {
    return this.#knowledge.mine
  }

  get theirs(): NetworkSummary | undefined {
    return this.#knowledge.theirs
  }

  /** Whether all that the plan takes has been tried, with all that is to be known of both networks. */
  get tried(): boolean {
    return this.#attempts.running === 0 && (this.#knowledge.isComplete || this.#waited)
  }

  /** Both offers are there. @param theirs what their offer says of their network */
  begin(mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined): void {
    this.#knowledge.begin(mine, theirs)
    this.#wait = this.#init.clock.after(TRAVERSAL.reportMs, () => {
      this.#waited = true
      this.#onSettled()
    })
    this.#search()
  }

  /** Our network is known now, or is another one, or is to be examined again. */
  known(mine: NetworkSummary | undefined): void {
    if (!this.#isOver && this.#knowledge.learn(mine)) this.#learned()
  }

  message(message: TraversalMessage): void {
    if (this.#isOver) return
    const { role, clock } = this.#init
    switch (message.type) {
      case 'REPORT':
        if (this.#knowledge.hear(message)) this.#learned()
        return
      case 'PLAN':
        if (role === 'controlled' && this.#plans.take('', clock.now())) this.#proposed(message)
        return
      case 'AGREE':
        if (role === 'controlling') this.#agreement.answered(message)
        return
      case 'TECHNIQUE':
        this.#attempts.hear(message)
        return
      default:
        message satisfies never
    }
  }

  event(event: TraversalEvent): void {
    switch (event.type) {
      case 'accept':
      case 'refuse':
        this.#attempts.accepted(event.path, event.type === 'accept')
        return
      case 'attempt':
        this.#attempted(event.attempt)
        return
      case 'found':
        this.#found(event)
        return
      case 'direct':
        this.#directChanged(event.on)
        return
      default:
        event satisfies never
    }
  }

  /** What was tried in another network says nothing about this one. */
  networkChanged(): void {
    if (this.#isOver) return
    this.#knowledge.forgetMine()
    this.#retries = 0
    this.#attempts.stop()
    this.#search()
  }

  close(): void {
    this.#isOver = true
    this.#retry?.cancel()
    this.#wait?.cancel()
    this.#overdue?.cancel()
    this.#attempts.close()
  }

  /** From the beginning. */
  #search(): void {
    this.#beganMs = this.#init.clock.now()
    this.#begun.clear()
    this.#told.clear()
    this.#stopRetrying()
    this.#replan()
  }

  /** Something new is known of a network: what takes both sides may have failed, or been refused, because it was not. */
  #learned(): void {
    this.#forgetBegun()
    this.#replan()
  }

  #replan(): void {
    if (this.#isOver) return
    const { role, peer, techniques, allowed, feed, clock } = this.#init
    const { mine, theirs, worked } = this.#knowledge
    this.#plan = plan(mine, theirs, { techniques, allowed, peer: 'link', peerId: peer, worked })
    const sinceMs = clock.now() - this.#beganMs
    const steps = this.#plan.steps
      .filter(step => this.#isNew(step))
      .filter(step => role === 'controlling' || !this.#needsBoth(step))
      .map(step => ({ ...step, startMs: Math.max(0, step.startMs - sinceMs) }))
    for (const { technique, action, why } of this.#plan.steps) {
      if (action === 'take') continue
      feed({ type: 'check', technique, on: false })
      // whoever waits for what comes of its checks has to hear that nothing will
      this.#attempts.attempted({ technique, outcome: 'skipped', reason: why, ms: 0 })
    }
    this.#agreement.propose(steps.filter(step => this.#mustAgree(step)))
    this.#start(steps.map(step => ({ ...step, round: this.#agreement.roundOf(step.technique) })))
    if (role === 'controlled') this.#expectProposals()
  }

  /** What the side that decides never comes to, it does not know, or cannot do. */
  #expectProposals(): void {
    this.#overdue?.cancel()
    const expected = this.#plan.steps.filter(step => this.#needsBoth(step))
    if (expected.length === 0 || this.#isDirect) return
    const lastMs = Math.max(...expected.map(({ startMs }) => startMs))
    this.#overdue = this.#init.clock.after(lastMs + AGREEMENT.answerMs, () => {
      for (const { technique } of expected) {
        if (!this.#told.has(technique) && !this.#attempts.isRunning(technique)) {
          this.#tell({ technique, outcome: 'skipped', reason: 'silent', ms: 0 })
        }
      }
      this.#onSettled()
    })
  }

  /** Whether there is something to do, or to tell, about a step that there was not before. */
  #isNew({ technique, action, why }: PlanStep): boolean {
    if (action === 'take') {
      this.#passedOver.delete(technique)
      return !this.#isDirect && !this.#begun.has(technique)
    }
    if (this.#begun.has(technique) || this.#passedOver.get(technique) === why) return false
    this.#passedOver.set(technique, why)
    return true
  }

  /** The side that decides has a plan. */
  #proposed(message: PathMessageOf<'PLAN'>): void {
    // the first one may have waited for the path stream, while what is cheap went on
    const sinceMs = this.#agreement.round === 0 ? this.#init.clock.now() - this.#beganMs : 0
    const judge = (name: TechniqueName): Pick<PlanStep, 'action' | 'why'> | undefined => {
      const ours = this.#plan.steps.find(({ technique }) => technique === name)
      return ours?.action === 'take' && this.#isDirect ? { action: 'skip', why: 'already-direct' } : ours
    }
    const steps = this.#agreement.answer(message, judge).map(({ technique, startMs }) => {
      const why = judge(technique)?.why ?? 'not-known'
      return { technique, why, action: 'take', startMs: Math.max(0, startMs - sinceMs), round: message.round } as const
    })
    this.#start(steps.filter(step => this.#mustAgree(step)))
  }

  #start(steps: Parameters<Attempts['start']>[0]): void {
    for (const { technique, action } of steps) if (action === 'take') this.#begun.add(technique)
    this.#attempts.start(steps, this.mine, this.theirs)
  }

  #ended(): void {
    if (this.#attempts.running === 0) this.#tryAgain()
    this.#onSettled()
  }

  #attempted(attempt: Attempt): void {
    if (this.#attempts.attempted(attempt)) return
    // a later round, whose attempt is over, or what the other side has asked for
    if (attempt.outcome === 'ok' || this.#init.role === 'controlled') this.#tell(attempt)
  }

  #tell(attempt: Attempt): void {
    this.#told.add(attempt.technique)
    this.#init.onAttempt(attempt)
  }

  #found({ technique, path }: Extract<AgentEvent, { type: 'found' }>): void {
    this.#attempts.found(technique, path)
    if (path.kind === 'direct') this.#knowledge.remember(technique)
  }

  #directChanged(on: boolean): void {
    if (this.#isOver || this.#isDirect === on) return
    this.#isDirect = on
    if (on) {
      this.#overdue?.cancel()
      this.#attempts.direct()
      this.#stopRetrying()
      this.#retries = 0
      return
    }
    this.#search()
  }

  /** What takes both sides is tried again, ever more rarely, by the side that decides. */
  #tryAgain(): void {
    const { role, clock } = this.#init
    if (role === 'controlled' || this.#isDirect || this.#isOver) return
    const { worked } = this.#knowledge
    if (worked != null && this.#begun.has(worked)) this.#knowledge.forgetWorked()
    if (this.#retry != null || !this.#plan.steps.some(step => this.#mustAgree(step))) return
    const pauseMs = TRAVERSAL.retryMs[Math.min(this.#retries++, TRAVERSAL.retryMs.length - 1)]!
    this.#retry = clock.after(pauseMs, () => {
      this.#retry = undefined
      this.#forgetBegun()
      this.#replan()
    })
  }

  #stopRetrying(): void {
    this.#retry?.cancel()
    this.#retry = undefined
  }

  /** What takes both sides may begin again, but for what is under way. The agents have rounds of their own for everything else. */
  #forgetBegun(): void {
    for (const technique of [...this.#begun]) {
      const again = this.#mustAgree({ technique, action: 'take' })
      if (again && !this.#attempts.isRunning(technique)) this.#begun.delete(technique)
    }
  }

  #needsBoth({ technique, action }: Pick<PlanStep, 'technique' | 'action'>): boolean {
    return action === 'take' && this.#byName.get(technique)?.sides === 'both'
  }

  #mustAgree(step: Pick<PlanStep, 'technique' | 'action'>): boolean {
    return this.#needsBoth(step) && !ASKS_ITSELF.has(step.technique)
  }
}
