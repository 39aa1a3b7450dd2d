import type { PathReason } from './api.ts'

/** What choose() knows of a path. */
export interface ChoosablePath {
  readonly id: string
  readonly kind: 'direct' | 'relay'
  readonly transport: 'udp' | 'tcp' | 'relay'
  readonly scope: 'lan' | 'wan'
  readonly family: 4 | 6
  /** A check of ours was answered by it. */
  readonly validated: boolean
  /** By {@link trustedUntilMs}. */
  readonly trustedUntilMs: number
  /** Smoothed ({@link smoothRtt}): one late answer says nothing about a path. Undefined before the first answer. */
  readonly rttMs: number | undefined
  /** How many measurements `rttMs` is made of, as far back as the path is known. */
  readonly rttSamples: number
  /** Since when it has been validated without losing trust. */
  readonly validatedAtMs: number
  /** How often it has lost trust while it was in use. */
  readonly lapses: number
}

/** A path that is not better enough at first sight, and may prove to be so: hand it to the next choice. */
export interface Rival {
  readonly id: string
  /** The path in use that it would replace. */
  readonly current: string
  readonly sinceMs: number
  /** What `rttSamples` of the two was then. */
  readonly samples: number
  readonly currentSamples: number
}

export interface Choice {
  readonly use: string | undefined
  /** What speaks against the path that was in use; undefined when nothing does. `silent` or `gone` although nothing better is left: it is kept. */
  readonly reason: PathReason | undefined
  /** Choose again {@link RIVALRY}.ms after `sinceMs`, and measure both meanwhile. */
  readonly rival?: Rival
}

/**
 * How long silence is borne.
 *
 * A path that carries packets is suspected first, then asked, then left. QUIC answers what it gets within an RTT and the 25 ms of its
 * max_ack_delay (RFC 9000 section 18.2), so half a second, or three RTTs on long ways, is no accident. Four checks go out during the next
 * half second, and the last one has two RTTs to be answered. On ways of up to 166 ms that makes a second and a half: far below QUIC's idle
 * timeout of tens of seconds, and longer than Wi-Fi needs from one access point to the next.
 *
 * An idle path is asked by its keepalives only. One that is not answered is repeated after 0.5, 1, 2 and 4 s, and nobody suffers meanwhile.
 */
export const TRUST = {
  suspicionMs: 500,
  suspicionRtts: 3,
  checksMs: 500,
  answerMs: 500,
  answerRtts: 2,
  idleGraceMs: 10_000
} as const

export interface Silence {
  /** When something came by this path last: a packet, or an answer to a check. */
  readonly heardAtMs: number
  /** When the first packet after that left by it; undefined when none has. One that needs no answer (QUIC's last ACK) costs a check. */
  readonly unansweredSinceMs: number | undefined
  readonly rttMs: number | undefined
  /** How often something is to be heard of it when it is idle. */
  readonly keepaliveMs: number
}

/** How long a path may not answer without being suspected. */
export function suspicionMs(rttMs = 0): number {
  return Math.max(TRUST.suspicionMs, TRUST.suspicionRtts * rttMs)
}

/** When a path in use is to be checked because nothing comes back. */
export function suspectAtMs({ unansweredSinceMs, rttMs }: Silence): number {
  return unansweredSinceMs == null ? Number.POSITIVE_INFINITY : unansweredSinceMs + suspicionMs(rttMs)
}

/** When trust in a path lapses, unless something is heard of it before. */
export function trustedUntilMs(silence: Silence): number {
  const answerMs = Math.max(TRUST.answerMs, TRUST.answerRtts * (silence.rttMs ?? 0))
  return Math.min(
    suspectAtMs(silence) + TRUST.checksMs + answerMs,
    silence.heardAtMs + silence.keepaliveMs + TRUST.idleGraceMs
  )
}

/** How much better a path of the same class must be: both a share and an absolute margin. */
export const MARGIN = {
  /** Of the RTT in use. Queues and Wi-Fi move a smoothed RTT by a tenth; twice that is no accident. */
  share: 0.25,
  /** No application notices less, but a change of path reorders packets and makes QUIC's congestion control look at the path anew. */
  ms: 10
} as const

/** For how long it must be so. */
export const RIVALRY = {
  /** Half a minute: somebody's download on one of the two ways is often over by then. */
  ms: 30_000,
  /** And as many measurements of each as the smoothing remembers, so that a figure which nobody measured again does not count as steady. */
  samples: 8
} as const

/**
 * By how much a LAN path may be slower than one by the internet. It spares the uplink, its routers' mappings and the provider; where it is
 * slower by more than busy Wi-Fi explains, those private addresses are those of a VPN, whose way is longer.
 */
export const LAN_BONUS_MS = 20

/**
 * By how much an IPv6 path may be slower than an IPv4 one. There is mostly no mapping on it that could run out. RFC 8305 section 5 gives IPv6
 * 250 ms once, while connecting; for a path that is used for hours it is what nobody notices (iroh: 3 ms).
 */
export const IPV6_BONUS_MS = 5

/** A path that fails again and again is believed later each time: it must have held for that long. The first failure is free: any NAT may reboot. */
export const PROBATION = { firstMs: 2_000, mostMs: 60_000 } as const

/** SRTT of RFC 6298 section 2: each answer moves the mean by an eighth. */
export function smoothRtt(previousMs: number | undefined, sampleMs: number): number {
  return previousMs == null ? sampleMs : previousMs + (sampleMs - previousMs) / RIVALRY.samples
}

/**
 * Which path the link's packets leave by. Of the paths that are validated and trusted:
 * 1. direct before relay, and UDP before TCP (in which one lost segment holds up all that follow): at once;
 * 2. LAN before WAN and IPv6 before IPv4, at once, unless slower than their bonus allows;
 * 3. the lower RTT, when it is better by {@link MARGIN} for {@link RIVALRY}.
 *
 * Where nothing is trusted the path in use is kept: packets may still get through, and by no path they do not. Never is one used that has not been
 * validated at all, unless it is in use already: whoever named it could aim our traffic at somebody else.
 *
 * @param current the path in use
 * @param rival from the previous choice
 */
export function choose(
  paths: readonly ChoosablePath[],
  current: string | undefined,
  nowMs: number,
  rival?: Rival
): Choice {
  const ranked = paths.filter(path => path.validated).sort(order)
  const trusted = ranked.filter(path => path.trustedUntilMs > nowMs)
  const proven = trusted.filter(path => nowMs - path.validatedAtMs >= probationMs(path.lapses))
  const inUse = paths.find(path => path.id === current)

  if (inUse == null || !trusted.includes(inUse)) {
    const next = proven[0] ?? trusted[0] ?? inUse ?? ranked[0]
    return { use: next?.id, reason: departure(current, inUse, next) }
  }
  const better = proven.find(path => outranks(path, inUse))
  if (better != null) return { use: better.id, reason: 'validated' }

  const faster = proven.filter(path => isFaster(path, inUse))
  const best = faster[0]
  if (best == null) return { use: inUse.id, reason: undefined }
  const challenger = faster.find(path => path.id === rival?.id && rival.current === inUse.id)
  if (challenger == null || rival == null) {
    const samples = { samples: best.rttSamples, currentSamples: inUse.rttSamples }
    return { use: inUse.id, reason: undefined, rival: { id: best.id, current: inUse.id, sinceMs: nowMs, ...samples } }
  }
  const steady =
    nowMs - rival.sinceMs >= RIVALRY.ms &&
    challenger.rttSamples - rival.samples >= RIVALRY.samples &&
    inUse.rttSamples - rival.currentSamples >= RIVALRY.samples
  return steady ? { use: best.id, reason: 'better' } : { use: inUse.id, reason: undefined, rival }
}

function departure(
  current: string | undefined,
  inUse: ChoosablePath | undefined,
  next: ChoosablePath | undefined
): PathReason {
  if (current == null) return 'first'
  if (inUse == null) return 'gone'
  return inUse.validated || next === inUse ? 'silent' : 'validated'
}

function probationMs(lapses: number): number {
  return lapses < 2 ? 0 : Math.min(PROBATION.mostMs, PROBATION.firstMs * 2 ** (lapses - 2))
}

/** What no RTT makes up for. */
function classOf({ kind, transport }: ChoosablePath): number {
  if (kind === 'relay') return 0
  return transport === 'tcp' ? 1 : 2
}

/** What a few milliseconds make up for. Which network and family a relay is reached by says nothing about the way behind it. */
function preference({ kind, scope, family }: ChoosablePath): number {
  return kind === 'relay' ? 0 : (scope === 'lan' ? 2 : 0) + (family === 6 ? 1 : 0)
}

function costMs(path: ChoosablePath): number {
  const preferred = preference(path)
  const bonusMs = (preferred >= 2 ? LAN_BONUS_MS : 0) + (preferred % 2 === 1 ? IPV6_BONUS_MS : 0)
  return (path.rttMs ?? Number.POSITIVE_INFINITY) - bonusMs
}

/** The best first. A total order, so that the same paths in another order give the same choice. */
function order(a: ChoosablePath, b: ChoosablePath): number {
  if (classOf(a) !== classOf(b)) return classOf(b) - classOf(a)
  if (costMs(a) !== costMs(b)) return costMs(a) < costMs(b) ? -1 : 1
  if (preference(a) !== preference(b)) return preference(b) - preference(a)
  if (a.validatedAtMs !== b.validatedAtMs) return a.validatedAtMs - b.validatedAtMs
  return a.id < b.id ? -1 : 1
}

/** Whether it replaces the path in use at once. The way back is the long one, by {@link isFaster}, so that two paths never alternate. */
function outranks(path: ChoosablePath, inUse: ChoosablePath): boolean {
  if (classOf(path) !== classOf(inUse)) return classOf(path) > classOf(inUse)
  return preference(path) > preference(inUse) && costMs(path) <= costMs(inUse)
}

function isFaster(path: ChoosablePath, inUse: ChoosablePath): boolean {
  if (classOf(path) !== classOf(inUse)) return false
  const marginMs = Math.max(MARGIN.ms, MARGIN.share * (inUse.rttMs ?? 0))
  return costMs(path) < costMs(inUse) - marginMs
}
