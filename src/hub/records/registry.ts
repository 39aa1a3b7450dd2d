import type { Logger, PeerId } from '@libp2p/interface'
import { type Clock, sleep } from '../../core/clock.ts'
import type { Events } from '../../core/events.ts'
import { sourceOf } from '../../core/ip.ts'
import type { openPeerRecord } from '../../libp2p/peer-record.ts'
import { MAX_RECORD_BYTES } from '../../wire/record.ts'
import type { ReservationEvents } from '../relay/reservation-events.ts'
import type { RecordStore, StoredRecord } from '../store/store.ts'
import type { Asker, Member, Outcome, PeerRecords, Subscriber } from './api.ts'
import { Health } from './health.ts'
import { Holdings } from './holdings.ts'
import { type RecordLimits, STORE_RETRY_SECONDS } from './limits.ts'
import { ConnectedMember } from './member.ts'
import { Members } from './members.ts'
import { badRecord, kept, limit, unavailable } from './outcomes.ts'
import { Rates } from './rates.ts'
import { Registrations } from './registrations.ts'
import { Releases } from './releases.ts'
import { Verifier } from './verify.ts'
import { WatchShares } from './watch-shares.ts'
import { Watchers } from './watchers.ts'

export interface RegistryInit {
  readonly store: RecordStore
  /** This hub's id: it answers in the store for the records that it holds. */
  readonly hub: string
  readonly reservations: Pick<Events<ReservationEvents>, 'on'>
  readonly limits: RecordLimits
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wall: () => number
  readonly log: Logger
  readonly open: typeof openPeerRecord
}

/** How much there is of what costs memory. */
export interface RecordCounts {
  /** Records that this hub holds. */
  readonly held: number
  readonly watches: number
  /** Peers with a stream. */
  readonly members: number
  /** That the store has not been told of yet. */
  readonly releases: number
}

/** The records of one hub: what is in its store, who may change it, and how long it stays. docs/rendezvous.md */
export class Registry implements PeerRecords {
  readonly #init: RegistryInit
  readonly #rates: Rates
  readonly #verifier: Verifier
  readonly #holdings: Holdings
  readonly #releases: Releases
  readonly #registrations: Registrations
  readonly #watchers: Watchers
  readonly #watchShares: WatchShares
  readonly #health: Health
  readonly #members = new Members()
  readonly #over = new AbortController()
  readonly #stopListening: ReadonlyArray<() => void>
  #requests = 0

  constructor(init: RegistryInit) {
    this.#init = init
    const { store, hub, reservations, limits, clock, wall } = init
    this.#rates = new Rates(limits, clock)
    this.#verifier = new Verifier(limits.maxChecks, init.open)
    this.#watchers = new Watchers({ store, clock, wall })
    this.#watchShares = new WatchShares(limits)
    this.#health = new Health(store, clock)
    const release = (peer: string) => store.release(peer, hub, wall())
    this.#releases = new Releases({ clock, release, maxWaiting: limits.maxReleases })
    this.#holdings = new Holdings(clock, limits.graceMs, peer => this.#releases.add(peer))
    this.#registrations = new Registrations({
      ...init,
      rates: this.#rates,
      verifier: this.#verifier,
      holdings: this.#holdings,
      releases: this.#releases
    })
    this.#stopListening = [
      reservations.on('granted', peer => this.#holdings.granted(peer)),
      reservations.on('ended', peer => this.#holdings.ended(peer)),
      store.onCall((peer, envelope) => this.#onCall(peer, envelope))
    ]
    void this.#resume()
  }

  get counts(): RecordCounts {
    return {
      held: this.#holdings.count,
      watches: this.#watchers.count,
      members: this.#members.count,
      releases: this.#releases.count
    }
  }

  register(envelope: Uint8Array, asker: Asker, of: PeerId | undefined = asker.peer): Promise<Outcome> {
    // over HTTP nobody has proved who it is: whoever could use up what a peer may do would keep that peer away
    const refusal =
      asker.peer == null
        ? this.#rates.refusal('sources', sourceOf(asker.address))
        : this.#rates.refusal('registrations', asker.peer.toString())
    return this.#serve(refusal, () => this.#registrations.register(envelope, asker, of))
  }

  find(peer: PeerId, asker: Asker): Promise<Outcome> {
    return this.#serve(this.#lookup(asker), async () => {
      return await this.#found(peer.toString(), await this.#init.store.get(peer.toString(), this.#init.wall()))
    })
  }

  async list(after: string | undefined, most: number): Promise<{ peers: readonly string[]; next?: string }> {
    return await this.#init.store.list(after, Math.min(1_000, Math.max(1, most)), this.#init.wall())
  }

  healthy(): Promise<boolean> {
    return this.#health.check()
  }

  join(peer: PeerId, address: string, subscriber: Subscriber): Member {
    const key = peer.toString()
    this.#members.add(key, subscriber)
    this.#holdings.joined(key)
    return new ConnectedMember({
      peer,
      address,
      shares: this.#watchShares,
      records: this,
      shared: other => this.#watchers.shared(other),
      watch: other => this.#watch({ address, peer }, other, subscriber),
      unwatch: other => this.#watchers.remove(other, subscriber),
      call: (other, envelope) => this.#call(peer, other, envelope),
      onLeave: () => {
        this.#members.remove(key, subscriber)
        this.#holdings.parted(key)
      }
    })
  }

  /** The store goes on: whoever has opened it ends it. What this hub holds stays held: it may come back in a moment. */
  stop(): void {
    this.#over.abort()
    for (const stop of this.#stopListening) stop()
    this.#holdings.stop()
    this.#releases.stop()
    this.#watchers.stop()
  }

  #watch(asker: Asker, other: string, subscriber: Subscriber): Promise<Outcome> {
    const { maxWatches } = this.#init.limits
    const full = this.#watchers.count >= maxWatches ? limit('the hub has no more watches', 60_000) : undefined
    return this.#serve(full ?? this.#lookup(asker), async () => {
      return await this.#found(other, await this.#watchers.add(other, subscriber))
    })
  }

  #call(caller: PeerId, other: PeerId, envelope: Uint8Array): Promise<Outcome> {
    return this.#serve(this.#rates.refusal('calls', caller.toString()), async () => {
      const verified = await this.#verifier.verify(envelope, caller)
      if ('refusal' in verified) return verified.refusal
      if (verified.record.left) return badRecord('nobody can connect to a peer that has left')
      const { store, wall } = this.#init
      const peer = other.toString()
      const isHere = this.#members.has(peer)
      if (!isHere && (await store.get(peer, wall())) == null) return { status: 'NOT_FOUND' }
      const refusal = this.#rates.refusal('called', peer)
      if (refusal != null) return refusal
      if (isHere) this.#members.call(peer, envelope)
      else await store.call(peer, envelope)
      return { status: 'OK' }
    })
  }

  /** Another hub passes on a call to a peer that may be here. Who is called verifies who it is from. */
  #onCall(peer: string, envelope: Uint8Array): void {
    if (envelope.length > MAX_RECORD_BYTES || !this.#members.has(peer)) return
    if (this.#rates.refusal('called', peer) == null) this.#members.call(peer, envelope)
  }

  #lookup({ peer, address }: Asker): Outcome | undefined {
    return this.#rates.refusal('lookups', peer?.toString() ?? sourceOf(address))
  }

  /** Who has said goodbye is not found, and shows it: else an older record, of a hub that lies, would be believed. */
  async #found(peer: string, record: StoredRecord | undefined): Promise<Outcome> {
    const { store, wall } = this.#init
    if (record != null) return kept(record, wall())
    const goodbye = await store.goodbye(peer, wall())
    return { status: 'NOT_FOUND', ...(goodbye == null ? {} : { envelope: goodbye.envelope }) }
  }

  async #serve(refusal: Outcome | undefined, work: () => Promise<Outcome>): Promise<Outcome> {
    if (refusal != null) return refusal
    if (this.#requests >= this.#init.limits.maxRequests) {
      return { status: 'UNAVAILABLE', detail: 'the hub has too many requests in hand', retrySeconds: 1 }
    }
    this.#requests++
    try {
      return await work()
    } catch (error) {
      this.#init.log('a request came to nothing - %e', error)
      return unavailable()
    } finally {
      this.#requests--
    }
  }

  /** Looks after the records that this hub held before it stopped, as soon as the store says which these are. */
  async #resume(): Promise<void> {
    const { store, hub, clock, log } = this.#init
    const { signal } = this.#over
    while (!signal.aborted) {
      try {
        for await (const peer of store.held(hub)) {
          if (signal.aborted) return
          this.#holdings.resume(peer)
        }
        return
      } catch (error) {
        log('cannot read what this hub held before - %e', error)
        await sleep(clock, STORE_RETRY_SECONDS * 1_000, signal).catch(() => {})
      }
    }
  }
}
