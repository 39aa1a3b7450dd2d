import { Allowance } from '../../core/allowance.ts'

export const BUDGET = {
  /** Sockets that techniques have open: two attempts that need 256 each. */
  socketsInAll: 512,
  socketsPerPeer: 256,
  /** Attempts by techniques that probe, at once: whoever has us begin one after the other leaves a place for others. */
  probingInAll: 3,
  probingPerPeer: 2,
  /** A host hears one attempt's probes at once, and then one each 150 ms: another attempt's worth after five minutes, whoever asks for it. */
  perHost: { burst: 2_304, refillMs: 150, maxKeys: 256 },
  /** All hosts together: two attempts' worth, and then a thousand a second while they last; 100 packets a second over hours. */
  inAll: { burst: 8_192, refillMs: 10, maxKeys: 1 }
} as const

/** What the techniques of all links of a node may use together: sockets, probes, and attempts that make many of them. */
export class Budget {
  readonly #sockets = new Map<string, number>()
  readonly #perHost = new Allowance(BUDGET.perHost)
  readonly #inAll = new Allowance(BUDGET.inAll)
  readonly #probing = new Map<string, number>()
  #open = 0

  /** How many sockets are open. */
  get sockets(): number {
    return this.#open
  }

  /** @returns whether the peer's links may open one more socket, which counts until it is given back */
  takeSocket(peer: string): boolean {
    const ofPeer = this.#sockets.get(peer) ?? 0
    if (this.#open >= BUDGET.socketsInAll || ofPeer >= BUDGET.socketsPerPeer) return false
    this.#open++
    this.#sockets.set(peer, ofPeer + 1)
    return true
  }

  giveSocket(peer: string): void {
    const left = (this.#sockets.get(peer) ?? 1) - 1
    this.#open--
    if (left === 0) this.#sockets.delete(peer)
    else this.#sockets.set(peer, left)
  }

  /** @returns whether one more probe may go there now */
  takeProbe(host: string, nowMs: number): boolean {
    // what does not leave costs the host nothing of its share
    return this.#inAll.has('', nowMs) && this.#perHost.take(host, nowMs) && this.#inAll.take('', nowMs)
  }

  /** @returns whether one more attempt may begin that probes for the peer's links, which counts until it is given back */
  takeAttempt(peer: string): boolean {
    const ofPeer = this.#probing.get(peer) ?? 0
    const inAll = [...this.#probing.values()].reduce((sum, count) => sum + count, 0)
    if (inAll >= BUDGET.probingInAll || ofPeer >= BUDGET.probingPerPeer) return false
    this.#probing.set(peer, ofPeer + 1)
    return true
  }

  giveAttempt(peer: string): void {
    const left = (this.#probing.get(peer) ?? 1) - 1
    if (left === 0) this.#probing.delete(peer)
    else this.#probing.set(peer, left)
  }
}
