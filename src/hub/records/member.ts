import type { PeerId } from '@libp2p/interface'
import type { Asker, Member, Outcome, Records } from './api.ts'
import type { RecordLimits } from './limits.ts'
import { limit } from './outcomes.ts'

export interface MemberInit {
  readonly peer: PeerId
  readonly address: string
  readonly limits: Pick<RecordLimits, 'maxWatchesEach'>
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
  readonly #watches = new Set<string>()
  #hasLeft = false

  constructor(init: MemberInit) {
    this.#init = init
    this.#asker = { address: init.address, peer: init.peer }
  }

  register(envelope: Uint8Array): Promise<Outcome> {
    return this.#init.records.register(envelope, this.#asker, this.#init.peer)
  }

  find(peer: PeerId): Promise<Outcome> {
    return this.#init.records.find(peer, this.#asker)
  }

  async watch(peer: PeerId): Promise<Outcome> {
    const { maxWatchesEach } = this.#init.limits
    const key = this.#init.shared(peer.toString())
    const isNew = !this.#watches.has(key)
    if (isNew && this.#watches.size >= maxWatchesEach) return limit(`a stream has ${maxWatchesEach} watches`, 1_000)
    this.#watches.add(key)
    const outcome = await this.#init.watch(key)
    const hasBegun = outcome.status === 'OK' || outcome.status === 'NOT_FOUND'
    if (this.#hasLeft || (isNew && !hasBegun)) this.unwatch(peer)
    return outcome
  }

  unwatch(peer: PeerId): void {
    const key = peer.toString()
    this.#watches.delete(key)
    this.#init.unwatch(key)
  }

  call(peer: PeerId, envelope: Uint8Array): Promise<Outcome> {
    return this.#init.call(peer, envelope)
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    for (const peer of this.#watches) this.#init.unwatch(peer)
    this.#watches.clear()
    this.#init.onLeave()
  }
}
