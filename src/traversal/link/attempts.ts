import { NatError } from '../../core/errors.ts'
import type { Path } from '../../socket/path.ts'
import type { TechniqueMessage } from '../../wire/plan.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Attempt, Reason, TechniqueName } from '../attempt.ts'
import type { KnownPath } from '../paths/api.ts'
import type { PlanStep } from '../plan.ts'
import { RUN, run } from '../run.ts'
import type { Technique } from '../technique.ts'
import { LinkContext } from './context.ts'
import type { TraversalInit } from './ground.ts'
import { TechniqueSockets } from './sockets.ts'

/** Messages of the other side whose attempt has begun before ours. */
const MAX_EARLY = 16

/** A step of a plan that both sides have agreed on, or that needs no agreement. */
export interface AttemptStep extends PlanStep {
  /** Of the plan that it is a step of: its messages have that number. */
  readonly round: number
}

export interface AttemptsInit {
  readonly traversal: TraversalInit
  readonly techniqueOf: (name: TechniqueName) => Technique | undefined
  /** As for {@link run}. */
  readonly agreed: (technique: Technique, signal: AbortSignal) => Promise<Reason | undefined>
  /** One has ended, and has been told. */
  readonly onEnded: () => void
}

/** A step that waits for its turn, or is tried. */
interface Running {
  readonly round: number
  readonly direct: AbortController
  readonly stopped: AbortController
  readonly early: Uint8Array[]
  context: LinkContext | undefined
  found: boolean
}

/** The steps of a link's plans that are carried out: one of each technique, the newest. */
export class Attempts {
  readonly #init: AttemptsInit
  readonly #sockets: TechniqueSockets
  readonly #newest = new Map<TechniqueName, Running>()
  /** With those that a newer one has taken the place of, and that have not ended yet. */
  readonly #all = new Set<Running>()

  constructor(init: AttemptsInit) {
    this.#init = init
    this.#sockets = new TechniqueSockets(init.traversal)
  }

  /** How many steps have not ended. */
  get running(): number {
    return this.#all.size
  }

  isRunning(technique: TechniqueName): boolean {
    return this.#newest.has(technique)
  }

  /** Carries out steps. One of the same technique that is under way ends. */
  start(steps: readonly AttemptStep[], mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined): void {
    for (const step of steps) void this.#run(step, mine, theirs)
  }

  /** From the attempt of a technique on the other side. */
  hear({ technique, round, bytes }: TechniqueMessage): void {
    const running = this.#newest.get(technique)
    if (running?.round !== round) return
    if (running.context != null) running.context.heard(bytes)
    else if (running.early.length < MAX_EARLY) running.early.push(bytes)
  }

  /** The path agent tells what came of its checks. @returns whether an attempt waits for it */
  attempted(attempt: Attempt): boolean {
    return [...this.#all].some(({ context }) => context?.attempted(attempt) === true)
  }

  /** The path agent has a path by a technique. */
  found(technique: TechniqueName, path: KnownPath): void {
    const running = this.#newest.get(technique)
    if (running?.context == null) return
    running.found = true
    running.context.hasFound(path)
  }

  /** The link takes packets from a path, or no more. */
  accepted(path: Path, on: boolean): void {
    this.#sockets.accepted(path, on)
  }

  /** There is a direct path: all end but those that have found it, which know it a moment later. */
  direct(): void {
    for (const { found, direct } of this.#all) {
      const end = () => direct.abort(new NatError('LINK_CLOSED', 'there is a direct path'))
      if (found) this.#init.traversal.clock.after(RUN.graceMs, end)
      else end()
    }
  }

  stop(): void {
    for (const { stopped } of this.#all) stopped.abort(new NatError('LINK_CLOSED', 'it is not needed any more'))
  }

  close(): void {
    this.stop()
    this.#sockets.close()
  }

  async #run(step: AttemptStep, mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined): Promise<void> {
    const { traversal, techniqueOf, agreed, onEnded } = this.#init
    const { technique: name, round } = step
    const running: Running = {
      round,
      direct: new AbortController(),
      stopped: new AbortController(),
      early: [],
      context: undefined,
      found: false
    }
    this.#newest.get(name)?.stopped.abort(new NatError('LINK_CLOSED', 'a newer attempt takes its place'))
    this.#newest.set(name, running)
    this.#all.add(running)
    await run({
      steps: [step],
      techniqueOf,
      clock: traversal.clock,
      direct: running.direct.signal,
      signal: running.stopped.signal,
      contextOf: (_, signal) => this.#contextOf(name, running, { mine, theirs, signal }),
      agreed,
      onAttempt: traversal.onAttempt
    })
    this.#all.delete(running)
    if (this.#newest.get(name) === running) this.#newest.delete(name)
    onEnded()
  }

  #contextOf(
    technique: TechniqueName,
    running: Running,
    known: Pick<LinkContext, 'mine' | 'theirs' | 'signal'>
  ): { readonly context: LinkContext; release(): void } {
    const { traversal } = this.#init
    const sockets = this.#sockets.ofAttempt(technique)
    const context = new LinkContext({ ...known, traversal, technique, round: running.round, sockets })
    running.context = context
    for (const bytes of running.early.splice(0)) context.heard(bytes)
    return {
      context,
      release: () => {
        context.release()
        sockets.release()
      }
    }
  }
}
