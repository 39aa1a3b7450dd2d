import { isDeepStrictEqual } from 'node:util'
import type { PeerId } from '@libp2p/interface'
import type { Clock, Timer } from '../core/clock.ts'
import type { KnownPeer } from '../libp2p/peer-record.ts'
import type { HubNews, Rendezvous } from '../libp2p/rendezvous/api.ts'
import type { NetworkSummary } from '../wire/summary.ts'
import { hubWord } from './hub-word.ts'

export const PEER_WATCH = {
  /** A record that expires is no news to a hub: it is asked again so long after the record's lifetime. */
  graceMs: 5_000,
  /** And again, while it has the same. */
  againMs: 60_000
} as const

/** Where a peer is now, as it says itself. */
export interface PeerWhereabouts {
  /** Its addresses, each with its id. */
  readonly addrs: readonly string[]
  /** What its network is like, as far as it knows. */
  readonly summary: NetworkSummary | undefined
  /** Higher in each record than in the one before. */
  readonly seq: number
}

export interface PeerWatchInit {
  readonly watch: Rendezvous['watch']
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
}

export interface PeerWatchOutlets {
  onChange(whereabouts: PeerWhereabouts): void
  onGone(): void
}

/**
 * One peer that is watched, over all hubs: of what they say, only what the peer has signed counts, and of that the newest. It is gone when it says so,
 * or when none of the hubs that knew of it does any more.
 */
export class PeerWatch {
  readonly #peer: PeerId
  readonly #init: PeerWatchInit
  readonly #outlets: PeerWatchOutlets
  /** What hubs have said that has not been looked at yet: of each the last, so that no hub has us check one signature after the other in vain. */
  readonly #waiting = new Map<string, HubNews>()
  readonly #holders = new Set<string>()
  #isLooking = false
  #newest: { readonly known: KnownPeer; readonly envelope: Uint8Array } | undefined
  #current: PeerWhereabouts | undefined
  #unwatch: (() => void) | undefined
  #timer: Timer | undefined
  #isOver = false

  constructor(peer: PeerId, init: PeerWatchInit, outlets: PeerWatchOutlets) {
    this.#peer = peer
    this.#init = init
    this.#outlets = outlets
    this.#ask()
  }

  /** Where it is; undefined when it is nowhere. */
  get current(): PeerWhereabouts | undefined {
    return this.#current
  }

  stop(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#waiting.clear()
    this.#unwatch?.()
  }

  #ask(): void {
    const before = this.#unwatch
    // the new one first, so that the hubs are never told that nobody watches
    this.#unwatch = this.#init.watch(this.#peer, news => {
      this.#waiting.set(news.hub.toString(), news)
      void this.#look()
    })
    before?.()
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    for (let [first] = this.#waiting; first != null && !this.#isOver; [first] = this.#waiting) {
      const [hub, { envelope }] = first
      this.#waiting.delete(hub)
      if (envelope == null) this.#lost(hub)
      else await this.#heard(hub, envelope)
    }
    this.#isLooking = false
  }

  async #heard(hub: string, envelope: Uint8Array): Promise<void> {
    const isKnown = this.#newest != null && Buffer.compare(this.#newest.envelope, envelope) === 0
    const known = isKnown ? this.#newest?.known : await this.#verified(envelope)
    // what is no record of the peer says nothing, nor does an older one
    if (known == null || this.#isOver) return
    if (!isKnown && this.#newest != null && known.seq <= this.#newest.known.seq) return
    this.#newest = { known, envelope }
    if (known.left) {
      this.#holders.clear()
      this.#gone()
      return
    }
    this.#holders.add(hub)
    if (!isKnown || this.#current == null) this.#askIn(known.lifetimeSeconds * 1_000 + PEER_WATCH.graceMs)
    this.#tell(whereaboutsOf(known))
  }

  async #verified(envelope: Uint8Array): Promise<KnownPeer | undefined> {
    const word = await hubWord({ outcome: 'answered', status: 'OK', envelope }, this.#peer, this.#init.wallMs())
    return word.record
  }

  #lost(hub: string): void {
    if (this.#holders.delete(hub) && this.#holders.size === 0) this.#gone()
  }

  #gone(): void {
    this.#timer?.cancel()
    if (this.#current == null) return
    this.#current = undefined
    this.#outlets.onGone()
  }

  /** A record that is only renewed is no change. */
  #tell(now: PeerWhereabouts): void {
    const before = this.#current
    this.#current = now
    if (before != null && isDeepStrictEqual({ ...before, seq: 0 }, { ...now, seq: 0 })) return
    this.#outlets.onChange(now)
  }

  #askIn(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#init.clock.after(ms, () => {
      this.#ask()
      this.#askIn(PEER_WATCH.againMs)
    })
  }
}

function whereaboutsOf({ peer, addresses, summary, seq }: KnownPeer): PeerWhereabouts {
  const addrs = addresses.map(each => each.encapsulate(`/p2p/${peer}`).toString())
  return { addrs, summary, seq }
}
