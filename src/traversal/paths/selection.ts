import type { Path } from '../../socket/path.ts'
import type { KnownPath, PathReason } from './api.ts'
import { Breaks } from './breaks.ts'
import { type Choice, type ChoosablePath, choose, type Rival } from './choose.ts'
import { begin, choosable, described, type Known } from './known.ts'
import { SCHEDULES } from './limits.ts'
import type { Outbox } from './outbox.ts'
import type { PathTable } from './table.ts'
import { doubtAtMs, unanswered } from './trust.ts'

export type AgentRole = 'controlling' | 'controlled'

export interface SelectionInit {
  readonly role: AgentRole
  readonly table: PathTable
  readonly out: Outbox
  /** When trust in a path ends. */
  readonly trustEndsMs: (known: Known) => number
}

/** No change of path makes packets wait for longer. */
const MAX_HOLD_MS = 250

/**
 * Which path is used. The controlling side chooses, and nominates what it has chosen; the other one follows as soon as it trusts that path
 * itself, and chooses only when the path in use has lost its trust.
 */
export class Selection {
  readonly #init: SelectionInit
  #current: string | undefined
  #described: KnownPath | undefined
  #also: string | undefined
  #rival: Rival | undefined
  /** The last nomination: ours when we decide, else theirs. */
  #nomination = 0
  #nominated: string | undefined
  /** Of their checks, the one that said so. */
  #saidBy = 0
  #moves = 0
  /** The switch did not take the path in use, and still sends by the one before. */
  #refused = false
  readonly #breaks = new Breaks()

  constructor(init: SelectionInit) {
    this.#init = init
  }

  get current(): Known | undefined {
    return this.#init.table.get(this.#current)
  }

  /** How often the path has changed. */
  get moves(): number {
    return this.#moves
  }

  /** Two paths that are to be measured, because one may prove better. */
  get rivals(): readonly string[] {
    return this.#rival == null ? [] : [this.#rival.id, this.#rival.current]
  }

  /**
   * Said by the other side in a check that came by that path. Old news does not count. The same nomination from elsewhere does: their NAT gave
   * them another address, or their network did, and on their side it is one path.
   *
   * @param number of the check
   */
  nominate(known: Known, counter: number, number: number): void {
    if (this.#init.role === 'controlling' || counter < this.#nomination) return
    if (counter === this.#nomination && number < this.#saidBy) return
    this.#nomination = counter
    this.#nominated = known.key
    this.#saidBy = number
  }

  /** The path in use was in doubt and answered after all, or by a new mapping. */
  wavered(nowMs: number): void {
    this.#breaks.broke(nowMs)
  }

  /** The switch did not take the path in use. */
  refused(): void {
    this.#refused = true
  }

  /** Looks at all paths again. `because`: what the path in use lost its trust by, where that is known. */
  decide(nowMs: number, because?: PathReason): void {
    const { table } = this.#init
    const { use, reason, rival } = this.#choice(nowMs)
    this.#rival = rival
    const next = table.get(use)
    if (next != null && use !== this.#current)
      this.#move(next, (reason === 'silent' && because) || reason || 'better', nowMs)
    else this.#mirror(nowMs)
  }

  #choice(nowMs: number): Choice {
    const { role, table } = this.#init
    const paths = table.all().map(known => choosable(known, this.#believedUntilMs(known)))
    if (role === 'controlling') return choose(paths, this.#current, nowMs, this.#rival)
    const trusted = (key: string | undefined) => paths.some(path => path.id === key && isTrusted(path, nowMs))
    if (trusted(this.#nominated)) return { use: this.#nominated, reason: 'nominated' }
    if (trusted(this.#current)) return { use: this.#current, reason: undefined }
    return choose(paths, this.#current, nowMs)
  }

  #move(to: Known, reason: PathReason, nowMs: number): void {
    const { role, table, out } = this.#init
    const from = this.#described
    const left = this.current
    const holdMs = left?.validatedAtMs == null ? 0 : Math.max(0, ((left.rttMs ?? 0) - (to.rttMs ?? 0)) / 2)
    if (left?.transport === 'udp') this.#breaks.broke(nowMs)
    if (to.transport === 'udp') this.#breaks.began(nowMs)
    this.#current = to.key
    this.#described = described(to)
    this.#moves++
    this.#also = undefined
    this.#refused = false
    table.accept(to)
    if (from != null && role === 'controlling') {
      if (left != null) leave(left)
      to.nomination = ++this.#nomination
      to.nominationHeard = false
      begin(to, SCHEDULES.nomination, nowMs)
    }
    // the other side may have had a reason: is it there for us?
    if (left?.transport === 'udp' && left.validatedAtMs != null && reason === 'nominated') {
      begin(left, SCHEDULES.later, nowMs)
    }
    // nobody asked this one while there was another: is it still there?
    if (left == null && from != null) unanswered(to, nowMs)
    const also = this.#second(nowMs)
    this.#also = also?.key
    out.emit({ type: 'use', path: to.path, ...alsoBy(also), holdMs: Math.min(MAX_HOLD_MS, Math.round(holdMs)) })
    out.emit({ type: 'path', to: this.#described, from, reason })
  }

  #mirror(nowMs: number): void {
    const { current } = this
    const also = this.#second(nowMs)
    const again = this.#refused && current?.validatedAtMs != null
    if (current == null || (also?.key === this.#also && !again)) return
    this.#also = also?.key
    if (again) this.#refused = false
    // its socket may have gone and come back meanwhile
    this.#init.table.accept(current)
    this.#init.out.emit({ type: 'use', path: current.path, ...alsoBy(also), holdMs: 0 })
  }

  /**
   * The best path besides one in doubt, or one that is about to break. Of those that have not answered since, a relay: it shares the least of the
   * way. A pipe will do that has never answered: it leads to the other side or nowhere.
   */
  #second(nowMs: number): Known | undefined {
    const { table, trustEndsMs } = this.#init
    const { current } = this
    if (current == null || !this.#isUncertain(current, nowMs)) return undefined
    const others = table.all().filter(({ key }) => key !== current.key)
    const best = (among: readonly Known[], untilMs: (known: Known) => number) => {
      const paths = among.map(known => choosable(known, untilMs(known))).filter(path => isTrusted(path, nowMs))
      return table.get(choose(paths, undefined, nowMs).use)
    }
    return (
      best(others, known => this.#believedUntilMs(known)) ??
      best(
        others.filter(({ kind }) => kind === 'relay'),
        trustEndsMs
      ) ??
      others.findLast(({ path, lapsedAtMs }) => path.kind === 'pipe' && lapsedAtMs == null)
    )
  }

  /** When trust in it ends. One that was asked, and has not answered yet, is not gone to as long as there is one in use. */
  #believedUntilMs(known: Known): number {
    const { current } = this
    const asked = current != null && known !== current && known.unansweredSinceMs != null
    return asked ? Number.NEGATIVE_INFINITY : this.#init.trustEndsMs(known)
  }

  #isUncertain(current: Known, nowMs: number): boolean {
    if (this.#init.trustEndsMs(current) <= nowMs || doubtAtMs(current) <= nowMs) return true
    return current.transport === 'udp' && this.#breaks.isNear(nowMs)
  }
}

function leave(known: Known): void {
  known.nomination = undefined
  known.nominationHeard = true
}

function isTrusted({ validated, trustedUntilMs }: ChoosablePath, nowMs: number): boolean {
  return validated && trustedUntilMs > nowMs
}

function alsoBy(known: Known | undefined): { readonly also?: Path } {
  return known == null ? {} : { also: known.path }
}
