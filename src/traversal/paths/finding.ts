import { ipScope } from '../../core/ip.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { Attempt, TechniqueName } from '../attempt.ts'
import type { AgentInput, LocalSocket } from './api.ts'
import type { Candidacy } from './candidacy.ts'
import { begin, described, type Known } from './known.ts'
import { LIMITS, SCHEDULES } from './limits.ts'
import type { Outbox } from './outbox.ts'
import { Progress } from './progress.ts'
import { SEARCH, Search } from './search.ts'
import type { AgentRole, Selection } from './selection.ts'
import type { PathTable } from './table.ts'
import { TCP_PUNCH, TcpPunch, type TcpStep } from './tcp-punch.ts'
import { isSuspected } from './trust.ts'

export interface FindingInit {
  readonly role: AgentRole
  /** Those that may be used. */
  readonly techniques: ReadonlySet<TechniqueName>
  /** Those that are used now. */
  readonly checking: Set<TechniqueName>
  readonly out: Outbox
  readonly table: PathTable
  readonly candidacy: Candidacy
  readonly selection: Selection
}

/** Looks for direct paths: rounds of checks by UDP, and TCP connects agreed on by message. */
export class Finding {
  readonly #init: FindingInit
  readonly #search: Search
  readonly #tcp: TcpPunch
  readonly #progress = new Progress()
  #sockets: readonly LocalSocket[] = []
  #stream = false
  /** A direct path by UDP is there, and nothing speaks against it. */
  #found = false
  /** The same, of any kind. */
  #direct = false
  /** Nothing is heard by any path. */
  #cutOff = true
  /** When both sides' candidates were known first. */
  #knownMs: number | undefined
  /** When the plan had its turn for TCP; undefined: when UDP has had its time. */
  #tcpFromMs: number | undefined

  constructor(init: FindingInit) {
    this.#init = init
    this.#search = new Search(init.role === 'controlling')
    this.#tcp = new TcpPunch(init.role)
  }

  /** The other side hears us by the path stream from now on. */
  stream(): void {
    this.#stream = true
    this.announce()
  }

  /** Tells the other side where we are. */
  announce(): void {
    if (this.#stream) this.#init.out.message(this.#init.candidacy.announcement())
  }

  sockets(nowMs: number, sockets: readonly LocalSocket[]): void {
    this.#sockets = sockets
    this.pair(nowMs)
  }

  isOurs(socket: number): boolean {
    return this.#sockets.some(each => each.socket === socket)
  }

  /** The plan has, or has no more, a use for a technique. */
  check(nowMs: number, technique: TechniqueName, on: boolean): void {
    const { checking, techniques } = this.#init
    if (on ? !techniques.has(technique) : !checking.has(technique)) return
    if (on) checking.add(technique)
    else checking.delete(technique)
    this.#progress.forget(technique)
    if (technique === 'punch-tcp') this.#tcpFromMs = on ? nowMs : undefined
    else {
      this.pair(nowMs)
      // without a pair of its own it has a round all the same, so that it is told what came of it
      if (on && this.#knownMs != null && !this.#found) this.#search.restart(nowMs)
    }
  }

  /** Something about the candidates is new: checks begin by the pairs that are. */
  pair(nowMs: number): void {
    const { candidacy, table } = this.#init
    const fresh = table.setPairs(this.#sockets, candidacy.udpTargets(table.relayEndpoints), nowMs)
    if (!candidacy.known || this.#sockets.length === 0) return
    const first = this.#knownMs == null
    this.#knownMs ??= nowMs
    if (this.#found) fresh.forEach((known, i) => void begin(known, SCHEDULES.opening, nowMs + i * LIMITS.pacingMs))
    else if (fresh.length > 0 || first) this.#search.restart(nowMs)
  }

  /** The other side has told its candidates, or told them again because it looks for us. */
  heardCandidates(nowMs: number): void {
    this.pair(nowMs)
    if (!this.#found) {
      this.#search.join(nowMs)
      return
    }
    for (const known of this.#init.table.all()) {
      if (known.transport !== 'udp' || known.validatedAtMs == null || known.burst != null) continue
      begin(known, SCHEDULES.single, nowMs)
    }
  }

  heardPunch(nowMs: number, message: Extract<PathMessage, { type: 'PUNCH_TCP' }>): void {
    const { candidacy, table, selection, techniques } = this.#init
    if (!techniques.has('punch-tcp')) return
    const dialable = candidacy.tcpTargets(table.relayEndpoints, message.candidates)
    const rttMs = selection.current?.rttMs ?? 0
    this.#put(this.#tcp.message(nowMs, message, dialable, candidacy.ownOf('tcp'), rttMs))
  }

  punched(nowMs: number, { ok, reason, ms, detail }: Extract<AgentInput, { type: 'punched' }>): void {
    this.#tcp.punched(nowMs, ok)
    const outcome = ok ? 'ok' : 'failed'
    this.#report({ technique: 'punch-tcp', outcome, reason, ms, ...(detail == null ? {} : { detail }) })
  }

  networkChanged(nowMs: number): void {
    this.#progress.reset()
    this.#tcp.reset(nowMs)
    this.#found = false
    this.#search.restart(nowMs)
  }

  /** A path has been validated. */
  validated(known: Known, nowMs: number): void {
    const { technique } = known
    if (known.transport === 'udp' && this.#init.checking.has(technique))
      this.#report(this.#progress.found(known, nowMs))
    this.#init.out.emit({ type: 'found', technique, path: described(known) })
  }

  /** @returns when to look again */
  step(nowMs: number, active: boolean): number {
    const { candidacy } = this.#init
    if (candidacy.catchUp(nowMs)) this.heardCandidates(nowMs)
    this.#look(nowMs)
    if (this.#search.ended(nowMs, this.#cutOff) && !this.#found) this.#failed(nowMs)
    const round = this.#search.due(nowMs)
    if (round != null) {
      if (this.#found) this.#improve(nowMs, active)
      else this.#begin(nowMs, round)
    }
    this.#punchTcp(nowMs)
    const later = [this.#tcp.wakeAtMs, this.#tcpTurnMs].filter(ms => ms > nowMs)
    return Math.min(this.#search.wakeAtMs, candidacy.wakeAtMs, ...later)
  }

  #look(nowMs: number): void {
    const { table, out } = this.#init
    const works = (known: Known) => known.validatedAtMs != null && !isSuspected(known, nowMs)
    const working = table.all().filter(known => known.kind === 'direct' && works(known))
    if (this.#direct !== working.length > 0) {
      this.#direct = working.length > 0
      out.emit({ type: 'direct', on: this.#direct })
    }
    const found = working.some(known => known.transport === 'udp')
    const lost = this.#found && !found
    if (found && !this.#found) this.#search.found(nowMs)
    this.#found = found
    const cutOff = table.all().every(({ validatedAtMs }) => validatedAtMs == null)
    // the next round may be minutes away, and the link would be over by then
    const late = cutOff && !this.#cutOff && nowMs - this.#search.beganMs >= SEARCH.joinMs
    this.#cutOff = cutOff
    if (this.#knownMs == null || !(lost || late)) return
    this.#search.restart(nowMs)
    // their NAT may have closed while ours was the one to ask: a check of theirs opens it
    this.announce()
  }

  #begin(nowMs: number, round: 'first' | 'later'): void {
    const { table, role, checking } = this.#init
    const schedule = round === 'first' ? SCHEDULES.opening : SCHEDULES.later
    const pairs = table.all().filter(({ validatedAtMs }) => validatedAtMs == null)
    pairs.forEach((known, i) => {
      if (known.burst == null) begin(known, schedule, nowMs + i * LIMITS.pacingMs)
    })
    this.#search.began(nowMs, schedule.at(-1)! + pairs.length * LIMITS.pacingMs)
    this.#progress.began([...checking].filter(isPaired), nowMs)
    // so that both open their NATs in the same moment
    if (round === 'later' && role === 'controlling') this.announce()
  }

  /** Is there a better way by now than the one that was found? Only worth a packet when somebody uses the link. */
  #improve(nowMs: number, active: boolean): void {
    this.#search.found(nowMs)
    if (!active) return
    const { table } = this.#init
    const idle = table.all().filter(known => known.validatedAtMs == null && known.announced && known.burst == null)
    idle.forEach((known, i) => void begin(known, SCHEDULES.single, nowMs + i * LIMITS.pacingMs))
  }

  #failed(nowMs: number): void {
    const { table, candidacy } = this.#init
    const announced = table.all().filter(({ announced }) => announced)
    const own = candidacy.ownOf('udp').length
    const failingOf = (technique: TechniqueName) => {
      const hosts = announced.flatMap(known => (known.technique === technique ? (known.host ?? []) : []))
      return { targets: new Set(hosts).size, own }
    }
    for (const attempt of this.#progress.failed(failingOf, nowMs)) this.#report(attempt)
  }

  get #tcpTurnMs(): number {
    const afterUdpMs = (this.#knownMs ?? Number.POSITIVE_INFINITY) + TCP_PUNCH.afterUdpMs
    if (this.#tcpFromMs == null) return afterUdpMs
    // a hub tells us later of our TCP port than of UDP's, and before they have nowhere to connect to: a port that we listen on is not the one that we connect from
    const own = this.#init.candidacy.ownOf('tcp')
    const isKnown = own.some(({ kind, address }) => kind !== 'host' && ipScope(address) === 'public')
    return isKnown ? this.#tcpFromMs : Math.max(this.#tcpFromMs, afterUdpMs)
  }

  #punchTcp(nowMs: number): void {
    const { table, candidacy, checking } = this.#init
    const own = candidacy.ownOf('tcp')
    const wanted = checking.has('punch-tcp') && !this.#direct && this.#knownMs != null && nowMs >= this.#tcpTurnMs
    const reachable = wanted && (candidacy.tcpOpen || candidacy.tcpTargets(table.relayEndpoints).length > 0)
    this.#put(this.#tcp.step(nowMs, { wanted, stream: this.#stream, own, reachable }))
  }

  #put({ messages, events, attempt }: TcpStep): void {
    this.#report(attempt)
    for (const message of messages) this.#init.out.message(message)
    for (const event of events) this.#init.out.emit(event)
  }

  #report(attempt: Attempt | undefined): void {
    if (attempt != null) this.#init.out.emit({ type: 'attempt', attempt })
  }
}

/** Whether it is done by checks between our sockets and their candidates. */
function isPaired(technique: TechniqueName): boolean {
  return technique !== 'punch-tcp' && technique !== 'relay'
}
