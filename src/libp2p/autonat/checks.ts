import type { Random } from '../../core/random.ts'

export type Family = 'ip4' | 'ip6'

/** Whether anybody can dial us: some address of the family was reached, none was, or nobody has told yet. */
export type Reachability = 'public' | 'private' | 'unknown'

/** What one question brought. `unknown`: the server would not or could not tell. */
export type Verdict = 'reachable' | 'unreachable' | 'unknown'

export const CHECKS = {
  /** Candidates that are asked about: a host has one or two addresses per family, and its NAT one. */
  maxAddresses: 8,
  /** A verdict holds so long. NATs and firewalls change with their owner's mood, not by the minute. */
  holdsMs: 60 * 60_000,
  /** After no verdict the next question comes within so long, twice as long each time, and never later than a verdict would. */
  firstRetryMs: 10_000
} as const

interface Check {
  /** Its place among the candidates. */
  rank: number
  readonly family: Family
  verdict: Verdict
  dueMs: number
  failures: number
  /** Whether something has happened since it was last asked about. */
  stale: boolean
}

/** Which addresses are to be asked about, and when; by the texts of their multiaddrs. */
export class Checks {
  readonly #random: Random
  readonly #checks = new Map<string, Check>()

  constructor(random: Random) {
    this.#random = random
  }

  /**
   * Takes the candidates of the moment, the most important first. New ones are due at once.
   *
   * @returns those that were reachable and are candidates no longer
   */
  update(addresses: Iterable<string>, nowMs: number): readonly string[] {
    const wanted = new Set([...new Set(addresses)].slice(0, CHECKS.maxAddresses))
    const lost: string[] = []
    for (const [address, { verdict }] of this.#checks) {
      if (wanted.has(address)) continue
      this.#checks.delete(address)
      if (verdict === 'reachable') lost.push(address)
    }
    for (const [rank, address] of [...wanted].entries()) {
      const known = this.#checks.get(address)
      if (known != null) {
        known.rank = rank
        continue
      }
      const family = address.startsWith('/ip6/') ? 'ip6' : 'ip4'
      this.#checks.set(address, { rank, family, verdict: 'unknown', dueMs: nowMs, failures: 0, stale: false })
    }
    return lost
  }

  list(): { address: string; verdict: Verdict }[] {
    return [...this.#checks].map(([address, { verdict }]) => ({ address, verdict }))
  }

  /** Something has happened that a verdict of before says nothing about. */
  again(address: string, nowMs: number): void {
    const check = this.#checks.get(address)
    if (check == null) return
    check.dueMs = nowMs
    check.stale = true
  }

  /**
   * The most important address of those that are due, to be asked about now; undefined when none is. An answer of no takes
   * seconds, so what is likely to be reached comes first; nothing starves, because who was asked about is not due again for seconds.
   */
  due(nowMs: number): string | undefined {
    const [first] = [...this.#checks].filter(([, { dueMs }]) => dueMs <= nowMs).sort(([, a], [, b]) => a.rank - b.rank)
    if (first == null) return undefined
    first[1].stale = false
    return first[0]
  }

  /** When the next address is due; undefined when there are none. */
  nextMs(): number | undefined {
    const times = [...this.#checks.values()].map(({ dueMs }) => dueMs)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** @returns whether the address is still a candidate */
  settle(address: string, verdict: Verdict, nowMs: number): boolean {
    const check = this.#checks.get(address)
    if (check == null) return false
    check.failures = verdict === 'unknown' ? check.failures + 1 : 0
    const longestMs =
      verdict === 'unknown' ? Math.min(CHECKS.holdsMs, CHECKS.firstRetryMs * 2 ** (check.failures - 1)) : CHECKS.holdsMs
    // spread out, so that the peers of a hub that was restarted do not come back together for ever
    check.dueMs = check.stale ? nowMs : nowMs + this.#random.int(Math.floor(longestMs / 2), longestMs)
    // what was once told holds until somebody tells otherwise
    if (verdict !== 'unknown') check.verdict = verdict
    return true
  }

  reachability(family: Family): Reachability {
    const verdicts = [...this.#checks.values()].filter(each => each.family === family).map(({ verdict }) => verdict)
    if (verdicts.includes('reachable')) return 'public'
    return verdicts.length > 0 && verdicts.every(verdict => verdict === 'unreachable') ? 'private' : 'unknown'
  }
}
