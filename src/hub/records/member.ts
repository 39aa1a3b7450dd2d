import type { PeerId } from '@libp2p/interface'
import { sourceOf } from '../../core/ip.ts'
import type { Asker, Member, Outcome, Records } from './api.ts'
import type { WatchShares } from './watch-shares.ts'

export interface MemberInit {
  readonly peer: PeerId
  readonly address: string
  readonly shares: WatchShares
  readonly records: Pick<Records, 'register' | 'find'>
  /** The same text, in memory that others have it in. */
  readonly shared: (peer: string) => string
  readonly watch: (peer: string) => Promise<Outcome>
  readonly unwatch: (peer: string) => void
  readonly call: (peer: PeerId, envelope: Uint8Array) => Promise<Outcome>
  readonly onLeave: () => void
}

/** A peer's stream, as the records know it, and the watches that it has. */
export class ConnectedMember implements Member {
  readonly #init: MemberInit
  readonly #asker: Asker
  /** Whose watches these are. */
  readonly #key: string
  readonly #source: string
  readonly #watches = new Set<string>()
  #hasLeft = false

  constructor(init: MemberInit) {
    this.#init = init
    this.#key = init.shared(init.peer.toString())
    this.#source = sourceOf(init.address)
    this.#asker = { address: init.address, peer: init.peer }
  }

  register(envelope: Uint8Array): Promise<Outcome> {
    return this.#init.records.register(envelope, this.#asker, this.#init.peer)
  }

  find(peer: PeerId): Promise<Outcome> {
    return this.#init.records.find(peer, this.#asker)
  }

  async watch(peer: PeerId): Promise<Outcome> {
    const key = this.#init.shared(peer.toString())
    const isNew = !this.#watches.has(key)
    const refusal = isNew ? this.#init.shares.take(this.#key, this.#source) : undefined
    if (refusal != null) return refusal
    this.#watches.add(key)
    const outcome = await this.#init.watch(key)
    const hasBegun = outcome.status === 'OK' || outcome.status === 'NOT_FOUND'
    if (this.#hasLeft || (isNew && !hasBegun)) this.unwatch(peer)
    return outcome
  }

  unwatch(peer: PeerId): void {
    const key = peer.toString()
    if (this.#watches.delete(key)) this.#init.shares.giveBack(this.#key, this.#source, 1)
    this.#init.unwatch(key)
  }

  call(peer: PeerId, envelope: Uint8Array): Promise<Outcome> {
    return this.#init.call(peer, envelope)
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    for (const peer of this.#watches) this.#init.unwatch(peer)
    this.#init.shares.giveBack(this.#key, this.#source, this.#watches.size)
    this.#watches.clear()
    this.#init.onLeave()
  }
}
