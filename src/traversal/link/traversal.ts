import { Allowance } from '../../core/allowance.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Attempt, TechniqueName } from '../attempt.ts'
import type { AgentEvent } from '../paths/api.ts'
import type { Plan } from '../plan.ts'
import { Agreement } from './agreement.ts'
import { type AttemptStep, Attempts } from './attempts.ts'
import type { TraversalInit } from './ground.ts'
import { Knowledge } from './knowledge.ts'
import { Planning } from './planning.ts'
import { Proposals } from './proposals.ts'
import { Retries } from './retries.ts'

/** Plans that are made anew because a technique knows more of the other side: anybody in our LAN may call himself that, again and again. */
const NEWS = { burst: 8, refillMs: 10_000, maxKeys: 1 } as const

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
  readonly #knowledge: Knowledge
  readonly #planning: Planning
  readonly #agreement: Agreement
  readonly #attempts: Attempts
  readonly #retries: Retries
  readonly #proposals: Proposals
  /** Of which something became in this search. */
  readonly #told = new Set<TechniqueName>()
  readonly #news = new Allowance(NEWS)
  #unwatch = () => {}
  #isOver = false
  #isDirect = false

  /** @param onSettled called when {@link tried} may have become true */
  constructor(init: TraversalInit, onSettled: () => void) {
    this.#init = init
    this.#onSettled = onSettled
    const { role, clock } = init
    const planning = new Planning(init)
    this.#planning = planning
    this.#knowledge = new Knowledge(init)
    const agreement = new Agreement(init.send)
    this.#agreement = agreement
    this.#retries = new Retries(clock, () => this.#again())
    this.#proposals = new Proposals({ clock, planning, agreement, onOverdue: each => this.#neverProposed(each) })
    this.#attempts = new Attempts({
      traversal: { ...init, onAttempt: attempt => this.#tell(attempt) },
      techniqueOf: name => planning.techniqueOf(name),
      agreed: async ({ name }, signal) => {
        if (role === 'controlled' || !planning.mustAgree(name)) return undefined
        return await this.#agreement.agreed(name, clock, signal)
      },
      onEnded: () => this.#ended()
    })
  }

  /** The latest. */
  get plan(): Plan {
    return this.#planning.plan
  }

  get mine(): NetworkSummary | undefined {
    return this.#knowledge.mine
  }

  get theirs(): NetworkSummary | undefined {
    return this.#knowledge.theirs
  }

  /** Whether all that the plan takes has been tried, with all that is to be known of both networks and would change something. */
  get tried(): boolean {
    return this.#attempts.running === 0 && (this.#planning.isRelayOnly || this.#knowledge.isSettled)
  }

  /** Both offers are there. @param theirs what their offer says of their network */
  begin(mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined): void {
    this.#knowledge.begin(mine, theirs, () => {
      // what was held back because a report might come is told now
      if (!this.#isDirect && !this.#knowledge.isComplete) this.#replan()
      this.#onSettled()
    })
    this.#unwatch = this.#planning.watch(technique => this.#knowsMore(technique))
    this.#search()
  }

  /** Our network is known now, or is another one, or is to be examined again. */
  known(mine: NetworkSummary | undefined): void {
    if (!this.#isOver && this.#knowledge.learn(mine)) this.#again()
  }

  message(message: TraversalMessage): void {
    if (this.#isOver) return
    const { role } = this.#init
    switch (message.type) {
      case 'REPORT':
        if (this.#knowledge.hear(message)) this.#again()
        return
      case 'PLAN':
        if (role === 'controlled') this.#start(this.#proposals.heard(message, this.#isDirect))
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
        this.#attempts.found(event.technique, event.path)
        if (event.path.kind === 'direct') this.#knowledge.remember(event.technique)
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
    this.#retries.reset()
    this.#attempts.stop()
    this.#search()
  }

  close(): void {
    this.#isOver = true
    this.#unwatch()
    this.#retries.reset()
    this.#knowledge.close()
    this.#proposals.stop()
    this.#attempts.close()
  }

  /** From the beginning. */
  #search(): void {
    this.#planning.restart()
    this.#told.clear()
    this.#replan()
  }

  /** What takes both sides may have failed, or been refused, because less was known; or it is time to try again. */
  #again(): void {
    this.#planning.forget(technique => this.#attempts.isRunning(technique))
    this.#replan()
  }

  /** A technique has come to know where the other side may be. One that is under way hears of it itself. */
  #knowsMore(technique: TechniqueName): void {
    if (this.#isDirect || this.#attempts.isRunning(technique)) return
    if (!this.#news.take('', this.#init.clock.now())) return
    this.#planning.renew(technique)
    this.#replan()
  }

  #replan(): void {
    const { role, feed } = this.#init
    const planning = this.#planning
    const steps = planning
      .remake(this.#knowledge, !this.#knowledge.isSettled)
      .filter(({ action }) => action === 'skip' || !this.#isDirect)
      .filter(step => role === 'controlling' || !planning.isShared(step))
    for (const { technique, action, why } of planning.plan.steps) {
      if (action === 'take') continue
      feed({ type: 'check', technique, on: false })
      // whoever waits for what comes of its checks has to hear that nothing will
      this.#attempts.attempted({ technique, outcome: 'skipped', reason: why, ms: 0 })
    }
    this.#agreement.propose(steps.filter(({ technique, action }) => action === 'take' && planning.mustAgree(technique)))
    this.#start(steps.map(step => ({ ...step, round: this.#agreement.roundOf(step.technique) })))
    if (role === 'controlled' && !this.#isDirect) this.#proposals.expect()
  }

  #start(steps: readonly AttemptStep[]): void {
    for (const { technique, action } of steps) if (action === 'take') this.#planning.begin(technique)
    this.#attempts.start(steps, this.mine, this.theirs)
  }

  /** What the side that decides never comes to, it does not know, or cannot do. */
  #neverProposed(techniques: readonly TechniqueName[]): void {
    for (const technique of techniques) {
      if (this.#told.has(technique) || this.#attempts.isRunning(technique)) continue
      this.#tell({ technique, outcome: 'skipped', reason: 'silent', ms: 0 })
    }
    this.#onSettled()
  }

  #ended(): void {
    if (this.#attempts.running === 0 && !this.#isDirect && !this.#isOver) this.#triedInVain()
    this.#onSettled()
  }

  /** What takes both sides is tried again by the side that decides. */
  #triedInVain(): void {
    if (this.#init.role === 'controlled') return
    const { worked } = this.#knowledge
    if (worked != null && this.#planning.hasBegun(worked)) this.#knowledge.forgetWorked()
    if (this.#planning.shared.some(({ technique }) => this.#planning.mustAgree(technique))) this.#retries.wait()
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

  #directChanged(on: boolean): void {
    if (this.#isOver || this.#isDirect === on) return
    this.#isDirect = on
    this.#retries.reset()
    if (!on) {
      this.#search()
      return
    }
    this.#proposals.stop()
    this.#attempts.direct()
  }
}
