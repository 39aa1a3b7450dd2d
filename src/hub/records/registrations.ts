import type { PeerId } from '@libp2p/interface'
import { sourceOf } from '../../core/ip.ts'
import type { KnownPeer } from '../../libp2p/peer-record.ts'
import type { PutOutcome, RecordStore, StoredRecord } from '../store/store.ts'
import type { Asker, Outcome } from './api.ts'
import type { Holdings } from './holdings.ts'
import { CLOCK_TOLERANCE_MS, type RecordLimits } from './limits.ts'
import { kept, limit, stale } from './outcomes.ts'
import type { Rates } from './rates.ts'
import type { Releases } from './releases.ts'
import { badClock, type Verifier } from './verify.ts'

/** How long it counts that the store has room, or has none: to count all records is work. */
const ROOM_MS = 60_000

export interface RegistrationsInit {
  readonly store: RecordStore
  readonly hub: string
  readonly limits: RecordLimits
  readonly wall: () => number
  readonly rates: Rates
  readonly verifier: Verifier
  readonly holdings: Holdings
  readonly releases: Releases
}

/** What becomes of a record that is brought: verified, put into the store, and held for as long as its peer is here. */
export class Registrations {
  readonly #init: RegistrationsInit
  #room = { isThere: true, untilMs: Number.NEGATIVE_INFINITY }

  constructor(init: RegistrationsInit) {
    this.#init = init
  }

  /** @throws what the store throws */
  async register(envelope: Uint8Array, asker: Asker, of: PeerId | undefined): Promise<Outcome> {
    const { store, verifier, wall } = this.#init
    const nowMs = wall()
    const current = of == null ? undefined : await store.get(of.toString(), nowMs)
    if (current != null && Buffer.compare(current.envelope, envelope) === 0) {
      // what is kept has been verified
      return this.#isOwn(asker, of) ? await this.#hold(current) : registered(kept(current, nowMs))
    }
    const verified = await verifier.verify(envelope, of, asker.peer == null ? this.#isTooMuch : undefined)
    if ('refusal' in verified) return verified.refusal
    const { record } = verified
    const known = of == null ? await store.get(record.peer.toString(), nowMs) : current
    const refusal = badClock(record, nowMs) ?? (await this.#refusal(record, known, asker))
    if (refusal != null) return refusal
    const stored = this.#stored(record, envelope, nowMs)
    const isOwn = !record.left && this.#isOwn(asker, record.peer)
    const outcome = isOwn ? await this.#hold(stored) : await this.#put(stored, nowMs)
    return known == null && !record.left && outcome.status === 'OK' ? { ...outcome, isNew: true } : outcome
  }

  readonly #isTooMuch = (): Outcome | undefined => this.#init.rates.refusal('anonymous', '')

  /** Of a record that anybody may have brought. */
  async #put(stored: StoredRecord, nowMs: number): Promise<Outcome> {
    const put = await this.#init.store.put(stored, undefined, nowMs)
    // one that is there already may have been brought by anybody. After a goodbye the peer's place stays until it has gone: its next record may be under way
    const isReserved = this.#init.holdings.isReserved(stored.peer)
    if (put.outcome === 'stored' && !stored.left && isReserved) return await this.#hold(stored)
    return await this.#outcome(put, stored)
  }

  #isOwn({ peer }: Asker, of: PeerId | undefined): boolean {
    return peer != null && of?.equals(peer) === true
  }

  async #hold(record: StoredRecord): Promise<Outcome> {
    const { store, hub, wall, holdings, releases } = this.#init
    // first: the release of an earlier time must not come after it
    holdings.hold(record.peer)
    await releases.cancel(record.peer)
    return await this.#outcome(await store.put(record, hub, wall()), record)
  }

  async #outcome(put: PutOutcome, record: StoredRecord): Promise<Outcome> {
    const { store, wall } = this.#init
    switch (put.outcome) {
      case 'stored':
        return registered(kept(record, wall()))
      case 'same': {
        const current = await store.get(record.peer, wall())
        if (current != null) return registered(kept(current, wall()))
        return record.left
          ? registered(kept(record, wall()))
          : stale(record, 'this record has run out, or was withdrawn')
      }
      case 'stale':
        return stale(put.current, `a record with the number ${put.current.seq} is kept`)
      default:
        return put satisfies never
    }
  }

  /** Whether too much is brought. */
  async #refusal(record: KnownPeer, current: StoredRecord | undefined, asker: Asker): Promise<Outcome | undefined> {
    const refusal = asker.peer == null ? await this.#unproved(record, current, asker) : undefined
    if (refusal != null || current != null) return refusal
    // a key costs nothing to make, and the row of its record outlives the connection by days
    return this.#init.rates.refusal('firsts', sourceOf(asker.address))
  }

  /** By whoever is not connected. */
  async #unproved(record: KnownPeer, current: StoredRecord | undefined, asker: Asker): Promise<Outcome | undefined> {
    if (current != null && record.seq <= current.seq) return undefined
    const { rates, holdings } = this.#init
    const peer = record.peer.toString()
    const refusal = rates.refusal('registrations', `http ${peer}`)
    if (refusal != null || current != null || holdings.isReserved(peer)) return refusal
    return rates.refusal('unheld', sourceOf(asker.address)) ?? (await this.#full())
  }

  async #full(): Promise<Outcome | undefined> {
    const { store, limits, wall } = this.#init
    const nowMs = wall()
    if (nowMs >= this.#room.untilMs) {
      this.#room = { ...this.#room, untilMs: nowMs + ROOM_MS }
      this.#room = { ...this.#room, isThere: (await store.count(nowMs)) < limits.maxRecords }
    }
    return this.#room.isThere
      ? undefined
      : limit('the hub keeps no more records of peers without a reservation', ROOM_MS)
  }

  #stored({ peer, seq, left, lifetimeSeconds }: KnownPeer, envelope: Uint8Array, nowMs: number): StoredRecord {
    const expiresMs = nowMs + 1_000 * Math.min(lifetimeSeconds, this.#init.limits.maxLifetimeSeconds)
    // from its receipt on, its time may be a day ahead, and others may bring what was before it for a day from then on
    return { peer: peer.toString(), seq, left, envelope, expiresMs, forgetMs: expiresMs + 2 * CLOCK_TOLERANCE_MS }
  }
}

/** Whoever has sent it needs no copy. */
function registered({ envelope: _, ...outcome }: Outcome): Outcome {
  return outcome
}
