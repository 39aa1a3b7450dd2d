import type { AllowPrivate } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { Path } from '../../socket/path.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { TechniqueName } from '../attempt.ts'
import type { AgentInput, AgentStep, CheckKeys, KnownPath } from './api.ts'
import { Candidacy } from './candidacy.ts'
import { checkNumber } from './checks.ts'
import { Finding } from './finding.ts'
import { MappingLifetime } from './keepalive.ts'
import { type Burst, begin, described, type Known, keyOf, measured } from './known.ts'
import { SCHEDULES } from './limits.ts'
import { Outbox } from './outbox.ts'
import { Prober } from './prober.ts'
import { type AgentRole, Selection } from './selection.ts'
import { PathTable, type PipeFacts } from './table.ts'
import { answered, askedInUse, dutyOf, heard, suspect, trustEndsMs, unanswered } from './trust.ts'
import { Upkeep } from './upkeep.ts'

export interface PathAgentInit {
  readonly role: AgentRole
  readonly keys: CheckKeys
  /** The first four bytes of our checks' ids, by which the driver finds the agent of an answer. */
  readonly tag: number
  readonly random: Random
  readonly allowPrivate: AllowPrivate
  /** Which ways of finding a direct path may be used. @default all */
  readonly techniques?: ReadonlySet<TechniqueName>
}

const ALL: ReadonlySet<TechniqueName> = new Set(['relay', 'direct', 'reverse', 'punch-quic', 'punch-tcp'])

/** Between two checks that checks of theirs cause. */
const TRIGGER_MS = 10

/**
 * Finds the paths of a link, keeps them, and decides which one is used: checks by every pair of a socket of ours and a candidate of theirs, and by
 * pipes. It opens nothing, owns no socket and no clock: docs/path-protocol.md has the protocol, {@link AgentInput} and {@link AgentStep} what goes
 * in and out.
 */
export class PathAgent {
  readonly #out = new Outbox()
  readonly #lifetime = new MappingLifetime()
  readonly #table: PathTable
  readonly #prober: Prober
  readonly #candidacy: Candidacy
  readonly #selection: Selection
  readonly #upkeep: Upkeep
  readonly #finding: Finding
  readonly #firstTurn: Known['turn']
  #done = false

  constructor({ role, keys, tag, random, allowPrivate, techniques = ALL }: PathAgentInit) {
    const out = this.#out
    const lifetime = this.#lifetime
    this.#firstTurn = role === 'controlling' ? 'mine' : 'theirs'
    const table = new PathTable(this.#firstTurn, out)
    const prober = new Prober({ keys, tag, random, out })
    const candidacy = new Candidacy({ allowPrivate, techniques })
    const selection = new Selection({ role, table, out, trustEndsMs: known => this.#trustEndsMs(known) })
    this.#table = table
    this.#prober = prober
    this.#candidacy = candidacy
    this.#selection = selection
    this.#upkeep = new Upkeep({ out, table, prober, selection, lifetime })
    this.#finding = new Finding({ role, techniques, out, table, candidacy, selection })
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
        this.#packet(nowMs, input.bytes, input.from)
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
      case 'network-changed':
        this.#networkChanged(nowMs)
        return
      default:
        input satisfies never
    }
  }

  #packet(nowMs: number, bytes: Uint8Array, from: Path): void {
    const check = this.#prober.read(bytes, nowMs)
    if (check == null) return
    if (check.type === 'answer') this.#answered(nowMs, check.id, from)
    else this.#asked(nowMs, check.id, check.nomination, from)
  }

  #asked(nowMs: number, id: Uint8Array, nomination: number | undefined, from: Path): void {
    const known = this.#table.get(keyOf(from)) ?? this.#peerReflexive(nowMs, from)
    if (known == null) return
    // the other side may send by it as soon as it has our answer
    this.#table.accept(known)
    this.#prober.answer(known, id, nowMs)
    known.heardAtMs = nowMs
    known.requestedAtMs = nowMs
    known.turn = 'mine'
    if (nomination != null) this.#selection.nominate(known, nomination, checkNumber(id))
    if (known.validatedAtMs == null) this.#trigger(nowMs, known)
    else if (known === this.#selection.current && this.#upkeep.isActive(nowMs)) askedInUse(known, nowMs)
  }

  #peerReflexive(nowMs: number, from: Path): Known | undefined {
    if (from.kind !== 'udp' || !this.#finding.isOurs(from.socket)) return undefined
    const technique = this.#candidacy.unannounced()
    return technique == null ? undefined : this.#table.addPeerReflexive(from, technique, nowMs)
  }

  /** RFC 8445 section 7.3.1.4: what has come through says that the way is open, maybe not for long. */
  #trigger(nowMs: number, known: Known): void {
    if (known.burst == null) begin(known, SCHEDULES.triggered, nowMs)
    else if (nowMs - known.askedAtMs >= TRIGGER_MS) this.#prober.ask(known, nowMs)
  }

  #answered(nowMs: number, id: Uint8Array, from: Path): void {
    const asked = this.#prober.answered(id, from, nowMs)
    const known = this.#table.get(asked?.key)
    if (asked == null || known == null) return
    if (known.burst?.schedule === SCHEDULES.keepalive) this.#learn(known, known.burst)
    this.#prober.proved(known.host)
    measured(known, asked.rttMs)
    answered(known, nowMs)
    // where both asked at once, one of them is to be the next
    known.turn = known.requestedAtMs < asked.sentAtMs ? 'theirs' : this.#firstTurn
    if (asked.nomination === known.nomination) known.nominationHeard = true
    if (known.nominationHeard) known.burst = undefined
    this.#table.accept(known)
    if (known.validatedAtMs != null) return
    this.#upkeep.validated(known, nowMs)
    this.#finding.validated(known, nowMs)
  }

  #learn({ transport, plain }: Known, { sent, silenceMs }: Burst): void {
    if (transport !== 'udp' || plain) return
    if (sent === 1) this.#lifetime.bore(silenceMs)
    else this.#lifetime.faltered(silenceMs)
  }

  #message(nowMs: number, message: PathMessage): void {
    switch (message.type) {
      case 'CANDIDATES':
        if (this.#candidacy.hear(message, nowMs)) this.#finding.heardCandidates(nowMs)
        return
      case 'PUNCH_TCP':
        this.#finding.heardPunch(nowMs, message)
        return
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
      if (known.validatedAtMs == null) this.#trigger(nowMs, known)
    }
    if (sent > 0 && current?.validatedAtMs != null && !back) unanswered(current, nowMs)
  }

  #networkChanged(nowMs: number): void {
    const { current } = this.#selection
    for (const known of this.#table.all()) {
      if (known.path.kind === 'udp' && known !== current) known.validatedAtMs = undefined
      else if (known.validatedAtMs != null) suspect(known, nowMs)
    }
    this.#lifetime.forget()
    this.#upkeep.networkChanged(nowMs)
    this.#finding.networkChanged(nowMs)
  }

  #trustEndsMs(known: Known): number {
    return trustEndsMs(known, dutyOf(known, this.#selection.current), this.#lifetime)
  }
}
