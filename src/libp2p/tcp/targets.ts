import type { Multiaddr } from '@multiformats/multiaddr'

interface Target {
  readonly signal: AbortSignal
  /** Somebody is there. */
  answered(): void
  close(): void
}

/**
 * Where connections from the common port go: the system allows one to each address. A dial that nobody has answered yet
 * gives way to a punch, because the peer's SYN, coming in for it, would find us in the wrong role.
 */
export class Targets {
  readonly #open = new Map<string, Set<Target>>()
  readonly #unanswered = new Map<string, AbortController>()

  has(address: Multiaddr): boolean {
    return this.#open.has(keyOf(address))
  }

  open(address: Multiaddr): Target {
    const key = keyOf(address)
    const dial = new AbortController()
    const answered = () => {
      if (this.#unanswered.get(key) === dial) this.#unanswered.delete(key)
    }
    const target: Target = {
      signal: dial.signal,
      answered,
      close: () => {
        answered()
        const others = this.#open.get(key)
        others?.delete(target)
        if (others?.size === 0) this.#open.delete(key)
      }
    }
    const all = this.#open.get(key) ?? new Set()
    this.#open.set(key, all.add(target))
    this.#unanswered.set(key, dial)
    return target
  }

  /** Ends what waits for an answer there. */
  yield(address: Multiaddr): void {
    this.#unanswered.get(keyOf(address))?.abort(new Error('a punch needs the port'))
  }
}

/** The host, or its name, and the port. */
function keyOf(address: Multiaddr): string {
  const [host, port] = address.getComponents()
  return `${host?.value} ${port?.value}`
}
