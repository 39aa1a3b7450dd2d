import type { NetworkSummary } from '../../wire/summary.ts'
import type { Reason, TechniqueName } from '../attempt.ts'
import { type Plan, type PlanStep, plan } from '../plan.ts'
import type { Technique } from '../technique.ts'
import type { TraversalInit } from './ground.ts'

/** What the agents agree on by a message of its own: to be asked first by a plan would cost a round trip. */
const ASKS_ITSELF: ReadonlySet<TechniqueName> = new Set(['punch-tcp'])

/** What a plan is made of. */
export interface Known {
  readonly mine: NetworkSummary | undefined
  readonly theirs: NetworkSummary | undefined
  readonly worked: TechniqueName | undefined
}

export type PlanningInit = Pick<TraversalInit, 'techniques' | 'allowed' | 'peer' | 'clock'>

/** The plan as it is now, and what of it has been begun: of a plan that is made anew only what is new is done. */
export class Planning {
  readonly #init: PlanningInit
  readonly #byName: ReadonlyMap<TechniqueName, Technique>
  /** Those that run, or have run since something changed. */
  readonly #begun = new Set<TechniqueName>()
  readonly #passedOver = new Map<TechniqueName, Reason>()
  #plan: Plan = { steps: [] }
  /** When the search began that goes on: what is cheap was begun then. */
  #beganMs = 0

  constructor(init: PlanningInit) {
    this.#init = init
    this.#byName = new Map(init.techniques.map(technique => [technique.name, technique]))
  }

  /** The latest. */
  get plan(): Plan {
    return this.#plan
  }

  /** How long what is cheap has been tried. */
  get sinceMs(): number {
    return this.#init.clock.now() - this.#beganMs
  }

  techniqueOf(name: TechniqueName): Technique | undefined {
    return this.#byName.get(name)
  }

  /** What we would do with a technique that the other side proposes; undefined when we do not know it. */
  judge(name: TechniqueName, isDirect: boolean): Pick<PlanStep, 'action' | 'why'> | undefined {
    const ours = this.#plan.steps.find(({ technique }) => technique === name)
    return ours?.action === 'take' && isDirect ? { action: 'skip', why: 'already-direct' } : ours
  }

  /** From the beginning. */
  restart(): void {
    this.#beganMs = this.#init.clock.now()
    this.#begun.clear()
  }

  /** By what is known now. @param mayLearn a report may still come @returns steps about which there is something to do, or to tell, that there was not before; from now on */
  remake({ mine, theirs, worked }: Known, mayLearn: boolean): readonly PlanStep[] {
    const { techniques, allowed, peer } = this.#init
    this.#plan = plan(mine, theirs, { techniques, allowed, peer: 'link', peerId: peer, worked })
    const { sinceMs } = this
    return this.#plan.steps
      .filter(step => this.#isNew(step, mayLearn))
      .map(step => ({ ...step, startMs: Math.max(0, step.startMs - sinceMs) }))
  }

  /** Has the listener hear which technique knows more of the other side than when the plan was made. @returns what takes it away again */
  watch(listener: (technique: TechniqueName) => void): () => void {
    const { techniques, peer } = this.#init
    const offs = techniques.map(each =>
      unlessItThrows(() => each.onChange?.(whose => whose === peer && listener(each.name)))
    )
    return () => {
      for (const off of offs) unlessItThrows(() => off?.())
    }
  }

  begin(technique: TechniqueName): void {
    this.#begun.add(technique)
  }

  /** It may begin again. */
  renew(technique: TechniqueName): void {
    this.#begun.delete(technique)
  }

  hasBegun(technique: TechniqueName): boolean {
    return this.#begun.has(technique)
  }

  /** What takes both sides may begin again, but for what is under way. The agents have rounds of their own for everything else. */
  forget(isRunning: (technique: TechniqueName) => boolean): void {
    for (const technique of [...this.#begun]) {
      if (this.mustAgree(technique) && !isRunning(technique)) this.#begun.delete(technique)
    }
  }

  /** Whether there is nothing that could make the path direct, whatever the networks are. */
  get isRelayOnly(): boolean {
    const { techniques, allowed } = this.#init
    return techniques.every(({ name }) => name === 'relay' || allowed?.has(name) === false)
  }

  /** Steps that both sides take part in. */
  get shared(): readonly PlanStep[] {
    return this.#plan.steps.filter(step => this.isShared(step))
  }

  /** Whether it is a step that both sides take part in. */
  isShared({ technique, action }: PlanStep): boolean {
    return action === 'take' && this.#byName.get(technique)?.sides === 'both'
  }

  /** Whether the other side is asked first. */
  mustAgree(technique: TechniqueName): boolean {
    return this.#byName.get(technique)?.sides === 'both' && !ASKS_ITSELF.has(technique)
  }

  #isNew({ technique, action, why }: PlanStep, mayLearn: boolean): boolean {
    if (action === 'take') {
      this.#passedOver.delete(technique)
      return !this.#begun.has(technique)
    }
    // a moment later it may be what makes the path
    if (why === 'not-known' && mayLearn && !this.#begun.has(technique)) return false
    // what became of it has been told, or will be
    const isTold = this.#begun.delete(technique) || this.#passedOver.get(technique) === why
    this.#passedOver.set(technique, why)
    return !isTold
  }
}

/** A technique may be anybody's. */
function unlessItThrows<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
