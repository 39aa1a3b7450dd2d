import type { HubAnswer } from '../libp2p/ask-hubs.ts'
import { endpointText } from '../nat/report.ts'

/** Every link of a node becomes suspicious in the same moment, and one look is enough for all. */
export const HUB_CHECK = { everyMs: 1_000 } as const

/**
 * Remembers where each hub sees us. A NAT that has forgotten us shows it here first: a connection to a hub that came by the old mapping
 * is dead, and neither side would know for seconds.
 */
export class HubCheck {
  readonly #seen = new Map<string, string>()
  #lastMs = Number.NEGATIVE_INFINITY

  /** Whether it is time to ask again. */
  due(nowMs: number): boolean {
    if (nowMs - this.#lastMs < HUB_CHECK.everyMs) return false
    this.#lastMs = nowMs
    return true
  }

  /** What one hub has answered. @returns whether it sees us elsewhere now */
  note({ hub, seen }: HubAnswer): boolean {
    if (seen == null) return false
    const text = endpointText(seen)
    const before = this.#seen.get(hub.toString())
    this.#seen.set(hub.toString(), text)
    return before != null && before !== text
  }

  /** Whether none answers of those that did before. They are forgotten then: their silence is told once. */
  silent(answers: readonly HubAnswer[]): boolean {
    const known = answers.filter(({ hub }) => this.#seen.has(hub.toString()))
    const isSilent = known.length > 0 && answers.every(({ seen }) => seen == null)
    if (isSilent) this.#seen.clear()
    return isSilent
  }

  /** Another network: where they saw us means nothing any more. */
  forget(): void {
    this.#seen.clear()
  }
}
