import type { Clock } from '../core/clock.ts'
import type { DropReason } from './nat/verdict.ts'
import type { Packet } from './packet.ts'

/** Why a packet ends where it is, beside the reasons of NATs. */
export type LossReason =
  | DropReason
  /** On the link: loss, a queue that is full, a cut. */
  | 'lost'
  /** For the link's MTU. */
  | 'too-big'
  /** It has passed as many routers as it might. */
  | 'ttl'
  /** Nobody has that address, or there is no way to it. */
  | 'no-route'
  /** It arrived, and no program listens there. */
  | 'no-socket'

/** What happened to a packet at a node. It is seen as it was there: NATs change it on its way. */
export type PacketEvent = {
  readonly atMs: number
  readonly node: string
  readonly packet: Packet
} & ({ readonly what: 'sent' | 'received' | 'forwarded' } | { readonly what: 'dropped'; readonly why: LossReason })

/** Packets of a node since the beginning. Of a host, those of its programs; of a router, those that passed it as well. */
export interface PacketCounts {
  sent: number
  received: number
  forwarded: number
  dropped: number
  readonly droppedBecause: Partial<Record<LossReason, number>>
}

/** Counts all packets of a network, and shows them to who wants to see. */
export class Traffic {
  readonly #clock: Clock
  readonly #counts = new Map<string, PacketCounts>()
  readonly #listeners = new Set<(event: PacketEvent) => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of(node: string): PacketCounts {
    let counts = this.#counts.get(node)
    if (!counts) {
      counts = { sent: 0, received: 0, forwarded: 0, dropped: 0, droppedBecause: {} }
      this.#counts.set(node, counts)
    }
    return counts
  }

  /** @returns a function that stops listening */
  on(listener: (event: PacketEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  note(node: string, what: 'sent' | 'received' | 'forwarded', packet: Packet): void {
    this.of(node)[what]++
    if (this.#listeners.size > 0) this.#show({ atMs: this.#clock.now(), node, what, packet })
  }

  drop(node: string, why: LossReason, packet: Packet): void {
    const counts = this.of(node)
    counts.dropped++
    counts.droppedBecause[why] = (counts.droppedBecause[why] ?? 0) + 1
    if (this.#listeners.size > 0) this.#show({ atMs: this.#clock.now(), node, what: 'dropped', why, packet })
  }

  #show(event: PacketEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}
