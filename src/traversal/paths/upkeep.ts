import type { Path } from '../../socket/path.ts'
import type { PathReason } from './api.ts'
import { Doubt } from './doubt.ts'
import type { Keepalives } from './keepalive.ts'
import { begin, burstAtMs, type Known, keyOf } from './known.ts'
import { LIMITS, SCHEDULES } from './limits.ts'
import type { Outbox } from './outbox.ts'
import type { Prober } from './prober.ts'
import { deadAtMs, RelayWish, superfluous } from './relays.ts'
import type { Selection } from './selection.ts'
import type { PathTable } from './table.ts'
import { dutyOf, isSuspected, keepTrust, suspectedAtMs, trustEndsMs, undoubted } from './trust.ts'

export interface UpkeepInit {
  readonly out: Outbox
  readonly table: PathTable
  readonly prober: Prober
  readonly selection: Selection
  readonly keepalives: Keepalives
}

export const UPKEEP = {
  /** A path that comes back so soon after the checks that ended its trust was not down: its mapping was gone. */
  mappingMs: 5_000,
  /** Between two measurements of paths that are compared (choose.ts: eight of each in half a minute). */
  rivalMs: 3_500,
  /** An application that was silent for so long is idle. */
  activeMs: 10_000,
  /** A path that held for so long has made up for its earlier failures (choose.ts, PROBATION). */
  forgiveMs: 600_000,
  /** Changes of path are put down to a change of our network that was so long ago. */
  networkMs: 5_000,
  /** For so long packets are taken from a path that is not validated, and sources that nobody announced are remembered. */
  forgetMs: 60_000
} as const

/** Keeps what there is: trust, keepalives, relayed paths; and forgets what there is no more. */
export class Upkeep {
  readonly #init: UpkeepInit
  readonly #wish = new RelayWish()
  readonly #doubt = new Doubt()
  #broken: { readonly host: string; readonly silenceMs: number; readonly atMs: number } | undefined
  #activeMs = Number.NEGATIVE_INFINITY
  #networkMs = Number.NEGATIVE_INFINITY
  #refusedMs = Number.NEGATIVE_INFINITY
  #lostMs: number | undefined

  constructor(init: UpkeepInit) {
    this.#init = init
  }

  /** The application's packets move. */
  active(nowMs: number): void {
    this.#activeMs = nowMs
  }

  isActive(nowMs: number): boolean {
    return nowMs - this.#activeMs < UPKEEP.activeMs
  }

  networkChanged(nowMs: number): void {
    this.#networkMs = nowMs
    this.#lostMs = nowMs
    this.#wish.hurry(nowMs)
  }

  /** What a path in use is silent for, where that is known. */
  because(nowMs: number): PathReason | undefined {
    if (nowMs === this.#refusedMs) return 'refused'
    return nowMs - this.#networkMs < UPKEEP.networkMs ? 'network-changed' : undefined
  }

  /** A path has trust (again). */
  validated(known: Known, nowMs: number): void {
    known.validatedAtMs = nowMs
    known.lapsedAtMs = undefined
    const broken = this.#broken
    if (broken == null || broken.host !== known.host) return
    this.#broken = undefined
    if (nowMs - broken.atMs < UPKEEP.mappingMs) this.#init.keepalives.lifetime.broke(broken.silenceMs)
  }

  /** The switch has no room for that path; `validated`: not even for a validated one, so there is no use for it. */
  refused(nowMs: number, path: Path, validated: boolean): void {
    const { table, selection } = this.#init
    const known = table.get(keyOf(path))
    // of one that was validated meanwhile the next word counts
    if (known == null || (!validated && known.accepted !== 'asked')) return
    table.refuse(known)
    if (!validated) return
    known.refusedAtMs = nowMs
    if (known.validatedAtMs != null) known.lapsedAtMs = nowMs
    known.validatedAtMs = undefined
    undoubted(known)
    if (known !== selection.current) return
    selection.refused()
    this.#refusedMs = nowMs
  }

  /** Takes trust from those paths that have been silent for too long. */
  lapse(nowMs: number): void {
    const { table, selection } = this.#init
    const { current } = selection
    for (const known of table.all()) {
      if (known.validatedAtMs == null || this.#trustEndsMs(known) > nowMs) continue
      if (known === current) {
        known.lapses = nowMs - known.validatedAtMs < UPKEEP.forgiveMs ? known.lapses + 1 : 1
        this.#note(known, nowMs)
      }
      known.validatedAtMs = undefined
      known.lapsedAtMs = nowMs
      undoubted(known)
      if (known === current || known.path.kind === 'pipe') begin(known, SCHEDULES.later, nowMs)
    }
  }

  /** Asks all other paths too while the one in use is in doubt. */
  question(nowMs: number): void {
    const { table, selection } = this.#init
    this.#doubt.step(nowMs, table, selection.current)
  }

  /** Sends what is due. @returns when to look again, and whether the link is over */
  step(nowMs: number): { readonly wakeAtMs: number; readonly dead: boolean } {
    const { table, selection, keepalives } = this.#init
    const { current } = selection
    keepalives.relayed(
      table.all().some(({ kind, validatedAtMs }) => kind === 'relay' && validatedAtMs != null),
      nowMs
    )
    let wakeAtMs = this.#measureRivals(nowMs)
    for (const known of table.all()) {
      const duty = dutyOf(known, current)
      const nextMs = known.validatedAtMs == null ? Number.POSITIVE_INFINITY : keepTrust(known, duty, keepalives, nowMs)
      this.#ask(known, nowMs)
      wakeAtMs = Math.min(wakeAtMs, nextMs, burstAtMs(known))
      if (known.unansweredSinceMs != null && suspectedAtMs(known) > nowMs) {
        wakeAtMs = Math.min(wakeAtMs, suspectedAtMs(known))
      }
    }
    this.#forget(nowMs)
    wakeAtMs = Math.min(wakeAtMs, this.#pipes(nowMs))
    const dead = this.#isDead(nowMs)
    return { wakeAtMs: Math.min(wakeAtMs, this.#wish.wakeAtMs, this.#deadAtMs), dead }
  }

  #trustEndsMs(known: Known): number {
    return trustEndsMs(known, dutyOf(known, this.#init.selection.current), this.#init.keepalives)
  }

  /** How long it had been silent before we asked in vain: maybe its mapping does not live longer. */
  #note({ host, transport, plain, heardAtMs, unansweredSinceMs, burst }: Known, nowMs: number): void {
    if (host == null || transport !== 'udp' || plain) return
    const silenceMs = unansweredSinceMs == null ? (burst?.silenceMs ?? 0) : unansweredSinceMs - heardAtMs
    // a NAT that maps by destination has it back by another port, before trust in the old one is over
    const back = this.#init.table.all().some(other => other.host === host && (other.validatedAtMs ?? 0) > heardAtMs)
    if (back) {
      this.#init.keepalives.lifetime.broke(silenceMs)
      return
    }
    this.#broken = { host, silenceMs, atMs: nowMs }
  }

  #ask(known: Known, nowMs: number): void {
    if (burstAtMs(known) > nowMs) return
    this.#init.prober.ask(known, nowMs)
    const { burst } = known
    if (burst == null) return
    // after a late wake-up one check stands for all that should have gone
    while (burstAtMs(known) <= nowMs) burst.sent++
    const awaited = burst.schedule === SCHEDULES.suspected || burst.schedule === SCHEDULES.keepalive
    if (burst.sent >= burst.schedule.length && !awaited) known.burst = undefined
  }

  #measureRivals(nowMs: number): number {
    const { table, selection } = this.#init
    if (!this.isActive(nowMs)) return Number.POSITIVE_INFINITY
    let wakeAtMs = Number.POSITIVE_INFINITY
    for (const key of selection.rivals) {
      const known = table.get(key)
      if (known == null) continue
      if (known.burst == null && nowMs - known.askedAtMs >= UPKEEP.rivalMs) begin(known, SCHEDULES.single, nowMs)
      wakeAtMs = Math.min(wakeAtMs, Math.max(nowMs, known.askedAtMs) + UPKEEP.rivalMs)
    }
    return wakeAtMs
  }

  #forget(nowMs: number): void {
    const { table, selection } = this.#init
    for (const known of table.all()) {
      if (known.path.kind !== 'udp' || known.validatedAtMs != null || known === selection.current) continue
      if (nowMs - Math.max(known.bornMs, known.heardAtMs) < UPKEEP.forgetMs) continue
      // somebody else may have the address by now
      known.lapsedAtMs = undefined
      if (table.isWanted(known)) table.refuse(known)
      else table.remove(known)
    }
  }

  /** @returns when to look again */
  #pipes(nowMs: number): number {
    const { table, selection, out } = this.#init
    const { current } = selection
    const all = table.all()
    const relays = all.filter(({ kind }) => kind === 'relay')
    const works = (known: Known) => known.validatedAtMs != null && !isSuspected(known, nowMs)
    const direct = all.some(known => known.kind === 'direct' && works(known))
    for (const event of this.#wish.step(nowMs, { pipes: relays.length, trusted: relays.some(works), direct })) {
      out.emit(event)
    }
    const pipes = new Set(all.filter(({ path }) => path.kind === 'pipe'))
    for (let without = superfluous([...pipes], current, nowMs); without?.path.kind === 'pipe'; ) {
      pipes.delete(without)
      table.remove(without)
      out.emit({ type: 'drop-pipe', pipe: without.path.pipe })
      without = superfluous([...pipes], current, nowMs)
    }
    return Math.min(...[...pipes].map(deadAtMs).filter(ms => ms > nowMs))
  }

  get #deadAtMs(): number {
    return this.#lostMs == null ? Number.POSITIVE_INFINITY : this.#lostMs + LIMITS.deadMs
  }

  #isDead(nowMs: number): boolean {
    if (this.#init.table.all().some(({ validatedAtMs }) => validatedAtMs != null)) this.#lostMs = undefined
    else this.#lostMs ??= nowMs
    if (nowMs < this.#deadAtMs) return false
    const reason = `nothing came by any path for ${LIMITS.deadMs / 1_000} s, and no relay brought the two sides together again`
    this.#init.out.emit({ type: 'dead', reason })
    return true
  }
}
