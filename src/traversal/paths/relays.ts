import type { AgentEvent } from './api.ts'
import type { Known } from './known.ts'
import { LIMITS } from './limits.ts'

/** How often a relay is asked for. */
export const WANT = {
  /** While nothing carries the link, which is over in a minute (LIMITS.deadMs). */
  urgentMs: [0, 1_000, 2_000, 2_000, 3_000, 5_000],
  /** While a direct path does: a relay is what the link falls back to one day. */
  spareMs: [3_000, 10_000, 30_000, 60_000, 120_000, 300_000]
} as const

export interface RelayFacts {
  /** Pipes through relays, working or not. */
  readonly pipes: number
  /** Whether one of them has trust. */
  readonly trusted: boolean
  /** Whether the link's packets arrive some other way, as far as we can tell. */
  readonly direct: boolean
}

type Need = 'none' | 'spare' | 'urgent'

/** When to ask for a relayed path. Pure. */
export function relayNeed({ pipes, trusted, direct }: RelayFacts): Need {
  if (trusted) return 'none'
  if (!direct) return 'urgent'
  return pipes === 0 ? 'spare' : 'none'
}

/** Asks for a relayed path with backoff, until there is one. */
export class RelayWish {
  #need: Need = 'none'
  #tries = 0
  #nextMs = Number.POSITIVE_INFINITY

  get wakeAtMs(): number {
    return this.#nextMs
  }

  step(nowMs: number, facts: RelayFacts): readonly AgentEvent[] {
    const need = relayNeed(facts)
    if (need !== this.#need) {
      this.#need = need
      this.#tries = 0
      this.#nextMs = need === 'none' ? Number.POSITIVE_INFINITY : nowMs + this.#waitMs(need)
    }
    if (need === 'none' || nowMs < this.#nextMs) return []
    this.#tries++
    this.#nextMs = nowMs + this.#waitMs(need)
    return [{ type: 'want-relay' }]
  }

  /** Our network changed: what failed before may work. */
  hurry(nowMs: number): void {
    if (this.#need === 'none') return
    this.#tries = 0
    this.#nextMs = nowMs
  }

  #waitMs(need: 'spare' | 'urgent'): number {
    const waits = need === 'urgent' ? WANT.urgentMs : WANT.spareMs
    return waits[Math.min(this.#tries, waits.length - 1)]!
  }
}

/** A pipe that said nothing for so long after it lost trust, or has never answered in that time, will not any more. */
const DEAD_PIPE_MS = 30_000
const NEW_PIPE_MS = 5_000

/**
 * A pipe to be without: one that is dead, or the worse one of too many relays. A TCP connection whose other end is gone is told by nobody for a
 * quarter of an hour, and there is room for a few pipes only. Pure.
 */
export function superfluous(pipes: readonly Known[], used: Known | undefined, nowMs: number): Known | undefined {
  const dead = pipes.find(pipe => pipe !== used && nowMs >= deadAtMs(pipe))
  const relays = pipes.filter(({ kind }) => kind === 'relay')
  if (dead != null || relays.length <= LIMITS.relayPipes) return dead
  const others = relays.filter(relay => relay !== used)
  const badness = ({ validatedAtMs, rttMs }: Known) => (validatedAtMs == null ? 1e9 : 0) + (rttMs ?? 1e6)
  // a new one is given the time to answer
  return others.filter(({ bornMs }) => nowMs - bornMs > NEW_PIPE_MS).sort((a, b) => badness(b) - badness(a))[0]
}

/** When a pipe counts as dead that goes on to say nothing. */
export function deadAtMs({ validatedAtMs, lapsedAtMs, bornMs }: Known): number {
  return validatedAtMs == null ? (lapsedAtMs ?? bornMs) + DEAD_PIPE_MS : Number.POSITIVE_INFINITY
}
