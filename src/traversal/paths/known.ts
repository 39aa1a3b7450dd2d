import { canonicalIp } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Path } from '../../socket/path.ts'
import type { TechniqueName } from '../attempt.ts'
import type { KnownPath } from './api.ts'
import { type ChoosablePath, type Silence, smoothRtt, suspicionMs } from './choose.ts'

/** What is fixed about a path. */
export interface PathFacts {
  readonly key: string
  readonly path: Path
  /** Whom its packets go to, where that is an address. */
  readonly host: string | undefined
  readonly kind: 'direct' | 'relay'
  readonly transport: 'udp' | 'tcp' | 'relay'
  readonly technique: TechniqueName
  readonly scope: 'lan' | 'wan'
  readonly family: 4 | 6
  /** No NAT in between, as far as is known. */
  readonly plain: boolean
  /** The other side named it; else its checks came from there. */
  readonly announced: boolean
}

/** Checks that are under way: when they began, and how many are out. */
export interface Burst {
  readonly schedule: readonly number[]
  readonly startMs: number
  /** For how long nothing had come when it began. */
  readonly silenceMs: number
  sent: number
}

/** A path with all that has become of it. */
export interface Known extends PathFacts {
  readonly bornMs: number
  /** The switch takes packets from it: because a check of theirs came by it, or because it was validated. */
  accepted: 'no' | 'asked' | 'validated'
  /** The switch had no room for it although it was validated. */
  refusedAtMs: number
  /** Since when a check of ours has been answered by it, without losing trust; undefined when it has no trust. */
  validatedAtMs: number | undefined
  /** When it lost trust; undefined while it has any, and before it had. */
  lapsedAtMs: number | undefined
  /** Something came by it. */
  heardAtMs: number
  /** A check of ours left by it last. */
  askedAtMs: number
  /** A check of theirs came by it. */
  requestedAtMs: number
  /** An answer came by it. */
  answeredAtMs: number
  unansweredSinceMs: number | undefined
  /** What would end the doubt: any packet that comes, or an answer, because packets come all the time and nobody seems to hear ours. */
  doubtEndsBy: 'packet' | 'answer'
  rttMs: number | undefined
  lastRttMs: number | undefined
  rttSamples: number
  lapses: number
  burst: Burst | undefined
  /** Said with every check while we decide, and use it: the other side may hear us from another address at any time. */
  nomination: number | undefined
  nominationHeard: boolean
  /** As whom the other side sees us by it. */
  mapped: Endpoint | undefined
  /** Whose keepalive is next. */
  turn: 'mine' | 'theirs'
}

export function newKnown(facts: PathFacts, nowMs: number, turn: 'mine' | 'theirs'): Known {
  return {
    ...facts,
    bornMs: nowMs,
    accepted: 'no',
    refusedAtMs: Number.NEGATIVE_INFINITY,
    validatedAtMs: undefined,
    lapsedAtMs: undefined,
    heardAtMs: Number.NEGATIVE_INFINITY,
    askedAtMs: Number.NEGATIVE_INFINITY,
    requestedAtMs: Number.NEGATIVE_INFINITY,
    answeredAtMs: Number.NEGATIVE_INFINITY,
    unansweredSinceMs: undefined,
    doubtEndsBy: 'packet',
    rttMs: undefined,
    lastRttMs: undefined,
    rttSamples: 0,
    lapses: 0,
    burst: undefined,
    nomination: undefined,
    nominationHeard: true,
    mapped: undefined,
    turn
  }
}

export function keyOf(path: Path): string {
  if (path.kind === 'pipe') return `pipe ${path.pipe}`
  const { address, port } = path.remote
  return `udp ${path.socket} ${address.includes(':') ? (canonicalIp(address) ?? address) : address} ${port}`
}

export function begin(known: Known, schedule: readonly number[], nowMs: number): void {
  known.burst = { schedule, startMs: nowMs, silenceMs: nowMs - known.heardAtMs, sent: 0 }
}

/** When the next check of the burst is due. */
export function burstAtMs({ burst }: Known): number {
  const offsetMs = burst?.schedule[burst.sent]
  return burst == null || offsetMs == null ? Number.POSITIVE_INFINITY : burst.startMs + offsetMs
}

/**
 * A check was answered just now. An answer that comes late was held up by something, which says little about the way: it counts for no more than the
 * time after which a path is suspected. A way that has really become longer is learned nevertheless, answer by answer. And what was held up comes
 * together with all that was asked meanwhile, so only the first of these counts: one measurement a round trip (RFC 6298 section 3).
 */
export function measured(
  known: Known,
  { sentAtMs, rttMs }: { readonly sentAtMs: number; readonly rttMs: number }
): void {
  known.lastRttMs = rttMs
  if (sentAtMs < known.answeredAtMs) return
  const sampleMs = Math.min(rttMs, suspicionMs(known.rttMs))
  known.rttMs = smoothRtt(known.rttSamples === 0 ? undefined : known.rttMs, sampleMs)
  known.rttSamples++
}

export function silenceOf(known: Known, keepaliveMs: number): Silence {
  const { heardAtMs, unansweredSinceMs, rttMs } = known
  return { heardAtMs, unansweredSinceMs, rttMs, keepaliveMs }
}

export function choosable(known: Known, trustedUntilMs: number): ChoosablePath {
  const { key, kind, transport, scope, family, validatedAtMs, lapsedAtMs, rttMs, rttSamples, lapses } = known
  return {
    id: key,
    kind,
    transport,
    scope,
    family,
    validated: validatedAtMs != null || lapsedAtMs != null,
    trustedUntilMs,
    rttMs,
    rttSamples,
    validatedAtMs: validatedAtMs ?? lapsedAtMs ?? 0,
    lapses
  }
}

/** As the application sees it. */
export function described({ path, kind, transport, technique, lastRttMs }: Known): KnownPath {
  return { path, kind, transport, technique, rttMs: lastRttMs }
}
