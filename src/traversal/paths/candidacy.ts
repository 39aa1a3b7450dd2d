import { Allowance } from '../../core/allowance.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import { MAX_CANDIDATES, type PathCandidate, type PathMessage } from '../../wire/path.ts'
import type { TechniqueName } from '../attempt.ts'
import { LIMITS, LIST_ALLOWANCE } from './limits.ts'
import { countsAs, isOpen, type Target, targetOf, targetsAmong, techniqueOf } from './targets.ts'

type List = Extract<PathMessage, { type: 'CANDIDATES' }>

export interface CandidacyInit {
  readonly allowPrivate: AllowPrivate
  /** Those that may be used. */
  readonly techniques: ReadonlySet<TechniqueName>
  /** Those whose pairs are checked now. */
  readonly checking: ReadonlySet<TechniqueName>
}

/** What each side has told of where it is. */
export class Candidacy {
  readonly #init: CandidacyInit
  readonly #lists = new Allowance(LIST_ALLOWANCE)
  #own: readonly PathCandidate[] = []
  #theirs: readonly PathCandidate[] = []
  #theirSeq = -1
  /** The latest of the lists that came too fast. */
  #waiting: List | undefined
  #waitMs = Number.POSITIVE_INFINITY
  #seq = 0
  /** What techniques know of, beside their candidates. */
  readonly #targets: Target[] = []

  constructor(init: CandidacyInit) {
    this.#init = init
  }

  /** When the list that came too fast is to be looked at. */
  get wakeAtMs(): number {
    return this.#waitMs
  }

  set own(candidates: readonly PathCandidate[]) {
    this.#own = candidates.slice(0, MAX_CANDIDATES)
  }

  get known(): boolean {
    return this.#theirSeq >= 0
  }

  ownOf(transport: 'udp' | 'tcp'): readonly PathCandidate[] {
    return this.#own.filter(candidate => candidate.transport === transport)
  }

  /** Whether TCP connects that nobody asked for arrive at one of ours. */
  get tcpOpen(): boolean {
    return this.ownOf('tcp').some(each => isOpen(each, this.#own))
  }

  /** @returns whether a list was taken: the highest number counts */
  hear(list: List, nowMs: number): boolean {
    if (list.seq <= (this.#waiting?.seq ?? this.#theirSeq)) return false
    if (!this.#lists.take('', nowMs)) {
      this.#waiting = list
      this.#waitMs = Math.min(this.#waitMs, nowMs + LIST_ALLOWANCE.refillMs)
      return false
    }
    this.#waiting = undefined
    this.#waitMs = Number.POSITIVE_INFINITY
    this.#theirSeq = list.seq
    this.#theirs = list.candidates.slice(0, MAX_CANDIDATES)
    return true
  }

  /** @returns whether a list that had to wait was taken */
  catchUp(nowMs: number): boolean {
    const list = this.#waiting
    if (list == null || nowMs < this.#waitMs) return false
    this.#waiting = undefined
    this.#waitMs = Number.POSITIVE_INFINITY
    return this.hear(list, nowMs)
  }

  /** Ours, for the other side. */
  announcement(): PathMessage {
    return { type: 'CANDIDATES', seq: ++this.#seq, candidates: this.#own }
  }

  udpTargets(relays: readonly Endpoint[]): readonly Target[] {
    return [...targetsAmong(this.#theirs, 'udp', this.#rules(relays)), ...this.#targets]
  }

  /** An address that a technique of ours knows of: whether we may go there is its business. @returns whether it is a new one, and there is room */
  addTarget(technique: TechniqueName, { address, port }: Endpoint): boolean {
    const target = targetOf(technique, address, port)
    const same = this.#targets.some(each => each.address === target?.address && each.port === port)
    if (target == null || same || this.#targets.length >= LIMITS.targets) return false
    this.#targets.push(target)
    return true
  }

  /** Techniques begin anew in another network: where its neighbours are, they tell then. */
  networkChanged(): void {
    this.#targets.length = 0
  }

  /** Of theirs, or of those that a message has, what may be dialled over TCP. */
  tcpTargets(relays: readonly Endpoint[], candidates: readonly PathCandidate[] = this.#theirs): readonly Target[] {
    const { techniques } = this.#init
    return targetsAmong(candidates.slice(0, MAX_CANDIDATES), 'tcp', { ...this.#rules(relays), techniques })
  }

  /** What a path is called to an address that nobody announced; undefined when it is not to be used. */
  unannounced(address: string): TechniqueName | undefined {
    return countsAs(techniqueOf(undefined, address, this.#theirs, this.#own), this.#init.techniques)
  }

  #rules(relays: readonly Endpoint[]) {
    const { allowPrivate, checking } = this.#init
    return { own: this.#own, relays, allowPrivate, techniques: checking }
  }
}
