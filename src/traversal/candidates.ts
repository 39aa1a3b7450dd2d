import { type AllowPrivate, ipScope, mayReach } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { TechniqueName } from './attempt.ts'

export type PunchTechnique = Extract<TechniqueName, `punch-${string}`>

/** An address that some transport of ours can punch, with its host in canonical spelling. */
export interface Candidate extends Endpoint {
  readonly technique: PunchTechnique
}

export const CANDIDATE_LIMITS = {
  /** Honest peers have one address per family and uplink. */
  candidates: 16,
  /** The ports that a few observers saw of one NAT; more would be a scan of that host. */
  perHost: 3,
  /** What is looked at before the rest of a list goes unread. */
  examined: 10_000
} as const

/** What we know that decides whether an address may be dialled. */
export interface CandidateRules {
  /** The public addresses under which others see us. */
  readonly own: readonly Endpoint[]
  /** The relays in use: named as a peer's address, a relay would get that peer's punch packets. */
  readonly relays: readonly Endpoint[]
  /** Lets addresses through that are not public. */
  readonly allowPrivate: AllowPrivate
}

export type DropCause = 'not-punchable' | 'port-zero' | 'not-public' | 'own' | 'relay' | 'duplicate' | 'per-host'

export interface Filtered<T extends Candidate> {
  /** In the order in which the other side gave them. */
  readonly usable: readonly T[]
  readonly dropped: ReadonlyMap<DropCause, number>
}

/**
 * Which addresses of a stranger's list may be dialled. Private ones only when the list also shows a public address with
 * our own public host: then both sides are, very likely, behind one NAT, which may not hairpin.
 *
 * @param list  lazily read; an address that no transport can punch comes as undefined
 */
export function filterCandidates<T extends Candidate>(
  list: Iterable<T | undefined>,
  rules: CandidateRules
): Filtered<T> {
  const ownHosts = new Set(rules.own.map(({ address }) => address))
  const own = new Set(rules.own.map(keyOf))
  const relays = new Set(rules.relays.map(keyOf))
  const seen = new Set<string>()
  const perHost = new Map<string, number>()
  const dropped = new Map<DropCause, number>()
  const usable: T[] = []
  const lan: T[] = []
  let sharesNat = false
  let examined = 0

  const verdict = (candidate: T | undefined): DropCause | 'usable' | 'lan' => {
    if (candidate == null) return 'not-punchable'
    if (candidate.port < 1 || candidate.port > 65_535) return 'port-zero'
    const { address } = candidate
    const reachable = mayReach(address, rules.allowPrivate)
    if (!reachable && ipScope(address) !== 'private') return 'not-public'
    const key = keyOf(candidate)
    const kindKey = `${candidate.technique} ${key}`
    if (seen.has(kindKey)) return 'duplicate'
    // a list that names our own endpoint still says that both are behind one address
    if (reachable && ownHosts.has(address)) sharesNat = true
    if (own.has(key)) return 'own'
    if (relays.has(key)) return 'relay'
    const sameHost = perHost.get(address) ?? 0
    if (sameHost >= CANDIDATE_LIMITS.perHost) return 'per-host'
    seen.add(kindKey)
    perHost.set(address, sameHost + 1)
    return reachable ? 'usable' : 'lan'
  }
  const drop = (cause: DropCause) => dropped.set(cause, (dropped.get(cause) ?? 0) + 1)

  for (const candidate of list) {
    if (examined++ >= CANDIDATE_LIMITS.examined || usable.length >= CANDIDATE_LIMITS.candidates) break
    const result = verdict(candidate)
    if (result === 'usable') usable.push(candidate!)
    else if (result === 'lan') lan.push(candidate!)
    else drop(result)
  }
  if (sharesNat) usable.push(...lan)
  else for (const _ of lan) drop('not-public')
  return { usable: usable.slice(0, CANDIDATE_LIMITS.candidates), dropped }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} ${port}`
}
