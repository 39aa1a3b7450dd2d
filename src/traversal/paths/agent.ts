import { Allowance } from '../../core/allowance.ts'
import type { AllowPrivate } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { Path } from '../../socket/path.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { TechniqueName } from '../attempt.ts'
import type { AgentInput, AgentStep, CheckKeys, KnownPath } from './api.ts'
import { Candidacy } from './candidacy.ts'
import { Finding } from './finding.ts'
import { Hearing } from './hearing.ts'
import { Keepalives } from './keepalive.ts'
import { begin, described, type Known, keyOf } from './known.ts'
import { BYSTANDER_ALLOWANCE, SCHEDULES } from './limits.ts'
import { Outbox } from './outbox.ts'
import { Prober } from './prober.ts'
import { Probing } from './probing.ts'
import { type AgentRole, Selection } from './selection.ts'
import { PathTable, type PipeFacts } from './table.ts'
import { askedInUse, dutyOf, heard, suspect, trustEndsMs, unanswered } from './trust.ts'
import { Upkeep } from './upkeep.ts'

export interface PathAgentInit {
  readonly role: AgentRole
  readonly keys: CheckKeys
  /** The first four bytes of our checks' ids, by which the driver finds the agent of an answer. */
  readonly tag: number
  readonly random: Random
  readonly allowPrivate: AllowPrivate
  /** Which ways of finding a direct path may be used. @default all that are built in */
  readonly techniques?: ReadonlySet<TechniqueName>
  /** Which of them are used from the beginning, until a `check` says otherwise. @default all of them */
  readonly checking?: ReadonlySet<TechniqueName>
  /** What hosts that have proved nothing hear of all links of a node. @default one for this link */
  readonly bystanders?: Allowance
}

const ALL: ReadonlySet<TechniqueName> = new Set(['relay', 'direct', 'local', 'reverse', 'punch-quic', 'punch-tcp'])

/**
 * Finds the paths of a link, keeps them, and decides which one is used: checks by every pair of a socket of ours and a candidate of theirs, and by
 * pipes. It opens nothing, owns no socket and no clock: docs/path-protocol.md has the protocol, {@link AgentInput} and {@link AgentStep} what goes
 * in and out.
 */
export class PathAgent {
  readonly #out = new Outbox()
  readonly #keepalives = new Keepalives()
  readonly #table: PathTable
  readonly #prober: Prober
  readonly #candidacy: Candidacy
  readonly #selection: Selection
  readonly #upkeep: Upkeep
  readonly #finding: Finding
  readonly #hearing: Hearing
  readonly #probing: Probing
  #done = false

  constructor(init: PathAgentInit) {
    const { role, keys, tag, random, allowPrivate, techniques = ALL } = init
    const { bystanders = new Allowance(BYSTANDER_ALLOWANCE) } = init
    const out = this.#out
    const keepalives = this.#keepalives
    const { lifetime } = keepalives
    const table = new PathTable(role === 'controlling' ? 'mine' : 'theirs', out)
    const prober = new Prober({ keys, tag, random, out, bystanders })
    const checking = new Set(init.checking ?? techniques)
    const candidacy = new Candidacy({ allowPrivate, techniques, checking })
    const selection = new Selection({ role, table, out, trustEndsMs: known => this.#trustEndsMs(known) })
    this.#table = table
    this.#prober = prober
    this.#candidacy = candidacy
    this.#selection = selection
    const upkeep = new Upkeep({ out, table, prober, selection, keepalives })
    const probing = new Probing({ table, prober })
    const finding = new Finding({ role, techniques, checking, out, table, candidacy, selection })
    this.#upkeep = upkeep
    this.#finding = finding
    this.#probing = probing
    this.#hearing = new Hearing({ probing, role, table, prober, candidacy, selection, lifetime, upkeep, finding })
  }

  /** The path in use. */
  get current(): KnownPath | undefined {
    const current = this.#selection.current
    return current == null ? undefined : described(current)
  }

  /** Those that are validated, and the one in use. */
  paths(): KnownPath[] {
    const { current } = this.#selection
    return this.#table
      .all()
      .filter(known => known.validatedAtMs != null || known === current)
      .map(described)
  }

  /** Nothing is heard by any path. */
  get isCutOff(): boolean {
    return this.#table.all().every(({ validatedAtMs }) => validatedAtMs == null)
  }

  /** How much is remembered; bounded, whatever the other side and the network do. */
  get size(): number {
    return this.#table.size + this.#prober.size
  }

  step(nowMs: number, input: AgentInput): AgentStep {
    if (this.#done) return { done: true }
    if (input.type === 'cancel') {
      this.#done = true
      return { done: true }
    }
    this.#take(nowMs, input)
    this.#upkeep.lapse(nowMs)
    this.#upkeep.question(nowMs)
    this.#selection.decide(nowMs, this.#upkeep.because(nowMs))
    // a path that is not in use any more is not waited for so long
    this.#upkeep.lapse(nowMs)
    const foundMs = this.#finding.step(nowMs, this.#upkeep.isActive(nowMs))
    const { wakeAtMs, dead } = this.#upkeep.step(nowMs)
    this.#done = dead
    return this.#out.flush(Math.min(foundMs, wakeAtMs), dead)
  }

  #take(nowMs: number, input: Exclude<AgentInput, { type: 'cancel' }>): void {
    switch (input.type) {
      case 'start':
      case 'tick':
        return
      case 'packet':
        this.#hearing.packet(nowMs, input.bytes, input.from)
        return
      case 'message':
        this.#message(nowMs, input.message)
        return
      case 'stream':
        this.#finding.stream()
        return
      case 'sockets':
        this.#finding.sockets(nowMs, input.sockets)
        return
      case 'candidates':
        this.#candidacy.own = input.candidates
        this.#finding.announce()
        this.#finding.pair(nowMs)
        return
      case 'pipe':
        this.#pipe(nowMs, input)
        return
      case 'pipe-gone':
        this.#remove({ kind: 'pipe', pipe: input.pipe })
        return
      case 'punched':
        this.#finding.punched(nowMs, input)
        return
      case 'traffic':
        this.#traffic(nowMs, input)
        return
      case 'refused':
        this.#upkeep.refused(nowMs, input.path, input.validated)
        return
      case 'network-changed':
        this.#networkChanged(nowMs)
        return
      case 'check':
        this.#finding.check(nowMs, input.technique, input.on)
        return
      case 'target':
        if (this.#candidacy.addTarget(input.technique, input.to)) this.#finding.pair(nowMs)
        return
      case 'technique-sockets':
        this.#probing.sockets(input.technique, input.sockets)
        return
      case 'probe':
        this.#probing.probe(nowMs, input)
        return
      default:
        input satisfies never
    }
  }

  #message(nowMs: number, message: PathMessage): void {
    switch (message.type) {
      case 'CANDIDATES':
        if (this.#candidacy.hear(message, nowMs)) this.#finding.heardCandidates(nowMs)
        return
      case 'PUNCH_TCP':
        this.#finding.heardPunch(nowMs, message)
        return
      case 'REPORT':
      case 'PLAN':
      case 'AGREE':
      case 'TECHNIQUE':
      case 'UNKNOWN':
        return
      default:
        message satisfies never
    }
  }

  #pipe(nowMs: number, pipe: PipeFacts): void {
    const first = this.#selection.current == null && this.#selection.moves === 0
    const known = this.#table.addPipe(pipe, nowMs)
    if (known == null) return
    // until it is measured: the other side is about as far from the relay as we are
    known.rttMs = pipe.rttMs ?? (pipe.costMs == null ? undefined : 2 * pipe.costMs)
    if (!first) {
      begin(known, SCHEDULES.opening, nowMs)
      // the other side may have asked for it because it hears nothing by the path that we use
      const { current } = this.#selection
      if (current?.validatedAtMs != null && this.#upkeep.isActive(nowMs)) askedInUse(current, nowMs)
      return
    }
    // the other side's offer has come by it
    known.validatedAtMs = nowMs
    known.heardAtMs = nowMs
    begin(known, SCHEDULES.keepalive, nowMs)
  }

  #remove(path: Path): void {
    const known = this.#table.get(keyOf(path))
    if (known != null) this.#table.remove(known)
  }

  #traffic(nowMs: number, { sent, heard: came }: Extract<AgentInput, { type: 'traffic' }>): void {
    const { current } = this.#selection
    if (sent > 0 || came.length > 0) this.#upkeep.active(nowMs)
    let back = false
    for (const { path } of came) {
      const known = this.#table.get(keyOf(path))
      if (known == null) continue
      if (known === current) back = true
      heard(known, nowMs)
      if (known.validatedAtMs == null) this.#hearing.trigger(nowMs, known)
    }
    if (sent > 0 && current?.validatedAtMs != null && !back) unanswered(current, nowMs)
  }

  #networkChanged(nowMs: number): void {
    const { current } = this.#selection
    for (const known of this.#table.all()) {
      known.mapped = undefined
      if (known.path.kind === 'udp' && known !== current) known.validatedAtMs = undefined
      else if (known.validatedAtMs != null) suspect(known, nowMs)
    }
    this.#keepalives.lifetime.forget()
    this.#upkeep.networkChanged(nowMs)
    this.#candidacy.networkChanged()
    this.#finding.networkChanged(nowMs)
  }

  #trustEndsMs(known: Known): number {
    return trustEndsMs(known, dutyOf(known, this.#selection.current), this.#keepalives)
  }
}
