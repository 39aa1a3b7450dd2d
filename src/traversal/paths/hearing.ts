import { sameEndpoint } from '../../core/stun-transaction.ts'
import type { Path } from '../../socket/path.ts'
import type { Candidacy } from './candidacy.ts'
import { type Check, checkNumber } from './checks.ts'
import type { Finding } from './finding.ts'
import type { MappingLifetime } from './keepalive.ts'
import { type Burst, begin, type Known, keyOf, measured } from './known.ts'
import { SCHEDULES } from './limits.ts'
import type { Prober } from './prober.ts'
import type { Probing } from './probing.ts'
import type { AgentRole, Selection } from './selection.ts'
import type { PathTable } from './table.ts'
import { answered, askedInUse, doubtAtMs } from './trust.ts'
import type { Upkeep } from './upkeep.ts'

/** Between two checks that checks of theirs cause. */
const TRIGGER_MS = 10
/** When a path that the switch has no room for is tried again: places are free when links end. One that has no other would be over in a minute. */
const REFUSED = { ms: 60_000, aloneMs: 10_000 } as const

export interface HearingInit {
  readonly role: AgentRole
  readonly table: PathTable
  readonly prober: Prober
  readonly candidacy: Candidacy
  readonly selection: Selection
  readonly lifetime: MappingLifetime
  readonly upkeep: Upkeep
  readonly finding: Finding
  readonly probing: Probing
}

/** What follows from a check of theirs, and from an answer to one of ours. */
export class Hearing {
  readonly #init: HearingInit

  constructor(init: HearingInit) {
    this.#init = init
  }

  packet(nowMs: number, bytes: Uint8Array, from: Path): void {
    const check = this.#init.prober.read(bytes, from, nowMs)
    if (check == null) return
    if (check.type === 'answer') this.#answered(nowMs, check, from)
    else this.#asked(nowMs, check.id, check.nomination, from)
  }

  /** RFC 8445 section 7.3.1.4: what has come through says that the way is open, maybe not for long. */
  trigger(nowMs: number, known: Known): void {
    if (known.burst == null) begin(known, SCHEDULES.triggered, nowMs)
    else if (nowMs - known.askedAtMs >= TRIGGER_MS) this.#init.prober.ask(known, nowMs)
  }

  #asked(nowMs: number, id: Uint8Array, nomination: number | undefined, from: Path): void {
    const { table, prober, selection, upkeep } = this.#init
    const known = table.get(keyOf(from)) ?? this.#peerReflexive(nowMs, from)
    if (known == null) return
    // the other side may send by it as soon as it has our answer
    table.accept(known)
    prober.answer(known, id, nowMs)
    known.heardAtMs = nowMs
    known.requestedAtMs = nowMs
    known.turn = 'mine'
    if (nomination != null) selection.nominate(known, nomination, checkNumber(id))
    if (known.validatedAtMs == null) this.trigger(nowMs, known)
    else if (known === selection.current && upkeep.isActive(nowMs)) askedInUse(known, nowMs)
  }

  #peerReflexive(nowMs: number, from: Path): Known | undefined {
    const { finding, probing, candidacy, table } = this.#init
    if (from.kind !== 'udp') return undefined
    const probed = probing.techniqueOf(from)
    if (probed == null && !finding.isOurs(from.socket)) return undefined
    const technique = probed ?? candidacy.unannounced(from.remote.address)
    return technique == null ? undefined : table.addPeerReflexive(from, technique, nowMs)
  }

  #answered(nowMs: number, { id, mapped }: Extract<Check, { type: 'answer' }>, from: Path): void {
    const { table, prober, probing, selection, lifetime, upkeep, finding, role } = this.#init
    probing.heard(nowMs, id, from)
    const asked = prober.answered(id, from, nowMs)
    const known = table.get(asked?.key)
    if (asked == null || known == null) return
    const remapped = known.mapped != null && mapped != null && !sameEndpoint(known.mapped, mapped)
    known.mapped = mapped
    // our own NAT had let our mapping go, and maps by destination
    if (remapped) lifetime.broke(asked.sentAtMs - known.heardAtMs)
    else if (known.burst?.schedule === SCHEDULES.keepalive) this.#learn(known, known.burst)
    if (known === selection.current && (remapped || doubtAtMs(known) <= nowMs)) selection.wavered(nowMs)
    prober.proved(known.host)
    measured(known, asked)
    answered(known, nowMs)
    // where both asked at once, one of them is to be the next
    const crossed = known.requestedAtMs >= asked.sentAtMs
    known.turn = crossed && role === 'controlling' ? 'mine' : 'theirs'
    if (asked.nomination === known.nomination) known.nominationHeard = true
    if (known.nominationHeard) known.burst = undefined
    if (known.validatedAtMs == null) {
      const alone = table.all().every(({ validatedAtMs }) => validatedAtMs == null)
      if (nowMs - known.refusedAtMs < (alone ? REFUSED.aloneMs : REFUSED.ms)) return
      upkeep.validated(known, nowMs)
      finding.validated(known, nowMs)
    }
    table.accept(known)
  }

  #learn({ transport, plain, requestedAtMs }: Known, { sent, startMs, silenceMs }: Burst): void {
    if (transport !== 'udp' || plain) return
    if (sent === 1) this.#init.lifetime.bore(silenceMs)
    else if (requestedAtMs >= startMs) this.#init.lifetime.faltered(silenceMs)
  }
}
