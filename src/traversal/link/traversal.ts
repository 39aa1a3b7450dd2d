import { Allowance } from '../../core/allowance.ts'
import type { Timer } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Attempt, Reason, TechniqueName } from '../attempt.ts'
import type { AgentEvent } from '../paths/api.ts'
import { type Plan, type PlanStep, plan } from '../plan.ts'
import { run } from '../run.ts'
import type { Technique } from '../technique.ts'
import { AGREEMENT, Agreement } from './agreement.ts'
import { LinkContext } from './context.ts'
import type { TraversalInit } from './ground.ts'
import { TechniqueSockets } from './sockets.ts'

export const TRAVERSAL = {
  /** Between two tries of what takes both sides, while there is no direct path. TCP connects and checks have rounds of their own. */
  retryMs: [30_000, 120_000, 600_000, 3_600_000],
  /** How long reports are waited for before all counts as tried: a node knows its network seconds after it has started. */
  reportMs: 6_000,
  /** Messages of techniques whose step has been agreed on and not begun. */
  early: 16
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
  readonly #agreement: Agreement
  readonly #sockets: TechniqueSockets
  readonly #over = new AbortController()
  readonly #contexts = new Map<TechniqueName, LinkContext>()
  /** Those that run, or have run since something changed. */
  readonly #begun = new Set<TechniqueName>()
  readonly #passedOver = new Map<TechniqueName, Reason>()
  #early: PathMessageOf<'TECHNIQUE'>[] = []
  readonly #plans = new Allowance(AGREEMENT.plans)
  #direct = new AbortController()
  #mine: NetworkSummary | undefined
  #theirs: NetworkSummary | undefined
  #theirSeq = -1
  #seq = 0
  #plan: Plan = { steps: [] }
  #beganMs = 0
  #running = 0
  #retries = 0
  #retry: Timer | undefined
  #wait: Timer | undefined
  #waited = false

  /** @param onSettled called when {@link tried} may have become true */
  constructor(init: TraversalInit, onSettled: () => void) {
    this.#init = init
    this.#onSettled = onSettled
    this.#byName = new Map(init.techniques.map(technique => [technique.name, technique]))
    this.#agreement = new Agreement(init.send)
    this.#sockets = new TechniqueSockets(init)
  }

  /** The latest. */
  get plan(): Plan {
    return this.#plan
  }

  get mine(): NetworkSummary | undefined {
    return this.#mine
  }

  get theirs(): NetworkSummary | undefined {
    return this.#theirs
  }

  /** Whether all that the plan takes has been tried, with all that is to be known of both networks. */
  get tried(): boolean {
    const known = this.#mine != null && this.#theirs != null
    return this.#running === 0 && (known || this.#waited)
  }

  /** Both offers are there. @param theirs what their offer says of their network */
  begin(mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined): void {
    const { clock } = this.#init
    this.#mine = mine
    this.#theirs = theirs
    this.#beganMs = clock.now()
    this.#wait = clock.after(TRAVERSAL.reportMs, () => {
      this.#waited = true
      this.#onSettled()
    })
    this.#replan()
  }

  /** Our network is known now, or is another one, or is to be examined again. */
  known(mine: NetworkSummary | undefined): void {
    if (this.#over.signal.aborted || mine === this.#mine) return
    this.#mine = mine
    if (mine != null) this.#init.send({ type: 'REPORT', seq: ++this.#seq, summary: mine })
    this.#replan()
  }

  message(message: TraversalMessage): void {
    if (this.#over.signal.aborted) return
    switch (message.type) {
      case 'REPORT':
        if (message.seq <= this.#theirSeq || !this.#mayRead()) return
        this.#theirSeq = message.seq
        this.#theirs = message.summary
        this.#replan()
        return
      case 'PLAN':
        if (this.#init.role === 'controlled' && this.#mayRead()) this.#proposed(message)
        return
      case 'AGREE':
        if (this.#init.role === 'controlling') this.#agreement.answered(message)
        return
      case 'TECHNIQUE': {
        const context = this.#contexts.get(message.technique)
        if (context?.round === message.round) context.heard(message.bytes)
        else if (message.round >= this.#agreement.round && this.#early.length < TRAVERSAL.early)
          this.#early.push(message)
        return
      }
      default:
        message satisfies never
    }
  }

  event(event: TraversalEvent): void {
    switch (event.type) {
      case 'accept':
      case 'refuse':
        this.#sockets.accepted(event.path, event.type === 'accept')
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
    this.#retries = 0
    this.#begun.clear()
    this.#mine = undefined
    this.#replan()
  }

  close(): void {
    this.#over.abort(new NatError('LINK_CLOSED', 'the link is over'))
    this.#retry?.cancel()
    this.#wait?.cancel()
    this.#sockets.close()
  }

  #replan(): void {
    if (this.#over.signal.aborted) return
    const { role, peer, techniques, allowed, experience, feed } = this.#init
    const mine = this.#mine
    const theirs = this.#theirs
    const worked = mine == null || theirs == null ? undefined : experience?.recall(mine, theirs)
    this.#plan = plan(mine, theirs, { techniques, allowed, peer: 'link', peerId: peer, worked })
    const steps = this.#plan.steps.filter(step => {
      const { technique, action, why } = step
      if (action === 'skip') {
        feed({ type: 'check', technique, on: false })
        if (this.#begun.has(technique) || this.#passedOver.get(technique) === why) return false
        this.#passedOver.set(technique, why)
        return true
      }
      this.#passedOver.delete(technique)
      if (this.#direct.signal.aborted || this.#begun.has(technique)) return false
      return !(role === 'controlled' && this.#byName.get(technique)?.sides === 'both')
    })
    if (role === 'controlling')
      this.#agreement.propose(steps.filter(step => this.#needsBoth(step) && !ASKS_ITSELF.has(step.technique)))
    this.#run(steps)
  }

  /** The side that decides has a plan. */
  #proposed(message: PathMessageOf<'PLAN'>): void {
    const judge = (name: TechniqueName) => this.#plan.steps.find(({ technique }) => technique === name)
    const taken = this.#agreement.answer(message, judge)
    const sinceMs = this.#init.clock.now() - this.#beganMs
    const steps = taken.map(({ technique, startMs }): PlanStep => {
      return {
        technique,
        action: 'take',
        why: judge(technique)?.why ?? 'not-known',
        startMs: Math.max(0, startMs - sinceMs)
      }
    })
    this.#run(steps.filter(({ technique }) => !this.#contexts.has(technique)))
  }

  #run(steps: readonly PlanStep[]): void {
    if (steps.length === 0) return
    const { role, clock, onAttempt } = this.#init
    for (const { technique, action } of steps) if (action === 'take') this.#begun.add(technique)
    this.#running++
    const done = run({
      steps,
      techniqueOf: name => this.#byName.get(name),
      clock,
      direct: this.#direct.signal,
      signal: this.#over.signal,
      contextOf: (technique, signal) => this.#contextOf(technique, signal),
      agreed: async ({ name }, signal) => {
        if (role === 'controlled' || ASKS_ITSELF.has(name)) return undefined
        return await this.#agreement.agreed(name, clock, signal)
      },
      onAttempt
    })
    void done.then(() => {
      this.#running--
      this.#tryAgain()
      this.#onSettled()
    })
  }

  #contextOf({ name }: Technique, signal: AbortSignal) {
    const context = new LinkContext({
      traversal: this.#init,
      technique: name,
      round: this.#init.role === 'controlled' ? this.#agreement.round : this.#agreement.roundOf(name),
      mine: this.#mine,
      theirs: this.#theirs,
      signal,
      openSocket: family => this.#sockets.open(name, family)
    })
    this.#contexts.set(name, context)
    for (const { technique, round, bytes } of this.#early) {
      if (technique === name && round === context.round) context.heard(bytes)
    }
    this.#early = this.#early.filter(({ technique, round }) => technique !== name && round >= context.round)
    const release = () => {
      context.release()
      if (this.#contexts.get(name) === context) this.#contexts.delete(name)
      this.#sockets.release(name)
    }
    return { context, release }
  }

  #attempted(attempt: Attempt): void {
    for (const context of this.#contexts.values()) if (context.attempted(attempt)) return
    // a later round, whose attempt is over, or what the other side has asked for
    if (attempt.outcome === 'ok' || this.#init.role === 'controlled') this.#init.onAttempt(attempt)
  }

  #found({ technique, path }: Extract<AgentEvent, { type: 'found' }>): void {
    this.#contexts.get(technique)?.hasFound(path)
    if (path.kind === 'direct' && this.#mine != null && this.#theirs != null) {
      this.#init.experience?.remember(this.#mine, this.#theirs, technique)
    }
  }

  #directChanged(on: boolean): void {
    if (on) {
      this.#direct.abort(new NatError('LINK_CLOSED', 'there is a direct path'))
      this.#retry?.cancel()
      this.#retries = 0
      return
    }
    this.#direct = new AbortController()
    this.#begun.clear()
    this.#replan()
  }

  /** What takes both sides is tried again, ever more rarely, by the side that decides. */
  #tryAgain(): void {
    const { role, clock } = this.#init
    if (role === 'controlled' || this.#running > 0 || this.#direct.signal.aborted || this.#over.signal.aborted) return
    this.#forget()
    const again = this.#plan.steps.filter(step => this.#needsBoth(step) && !ASKS_ITSELF.has(step.technique))
    if (again.length === 0) return
    const pauseMs = TRAVERSAL.retryMs[Math.min(this.#retries++, TRAVERSAL.retryMs.length - 1)]!
    this.#retry?.cancel()
    this.#retry = clock.after(pauseMs, () => {
      for (const { technique } of again) this.#begun.delete(technique)
      this.#replan()
    })
  }

  /** What worked before did not, this time. */
  #forget(): void {
    if (this.#mine == null || this.#theirs == null) return
    if (this.#init.experience?.recall(this.#mine, this.#theirs) != null)
      this.#init.experience.forget(this.#mine, this.#theirs)
  }

  #needsBoth({ technique, action }: PlanStep): boolean {
    return action === 'take' && this.#byName.get(technique)?.sides === 'both'
  }

  #mayRead(): boolean {
    return this.#plans.take('', this.#init.clock.now())
  }
}
