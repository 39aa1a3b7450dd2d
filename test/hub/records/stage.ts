import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import { Events } from '../../../src/core/events.ts'
import type { Asker, News, Subscriber } from '../../../src/hub/records/api.ts'
import { type RecordLimits, type Registry, startRegistry } from '../../../src/hub/records/index.ts'
import type { ReservationEvents } from '../../../src/hub/relay/index.ts'
import { openStore } from '../../../src/hub/store/open.ts'
import type { PeerPage, PutOutcome, RecordStore, StoredRecord, StoreNews } from '../../../src/hub/store/store.ts'
import { openPeerRecord, type RecordInit, sealPeerRecord } from '../../../src/libp2p/peer-record.ts'

export const HOUR_MS = 3_600_000
/** When tests begin, by the hub's wall clock. */
export const START_MS = 1_800_000_000_000

export interface Someone {
  readonly key: PrivateKey
  readonly id: PeerId
  /** Over the peer's own stream. */
  readonly asker: Asker
}

export async function someone(): Promise<Someone> {
  const key = await generateKeyPair('Ed25519')
  const id = peerIdFromPrivateKey(key)
  return { key, id, asker: { address: '198.51.100.7', peer: id } }
}

/** A record of that peer, made `atMs` after the tests began by its own clock, that says a port. */
export function record({ key }: Someone, atMs: number, init: Partial<RecordInit> & { port?: number } = {}) {
  const { port = 1, ...said } = init
  const addresses = said.left === true ? [] : [multiaddr(`/ip4/198.51.100.7/tcp/${port}`)]
  const nowMs = START_MS + atMs
  return sealPeerRecord(key, { seq: nowMs, issuedAtSeconds: Math.floor(nowMs / 1_000), addresses, ...said })
}

/** Somebody over HTTP. */
export const stranger = (address = '203.0.113.9'): Asker => ({ address })

/** A store in memory that can be away, or hang, and that counts what it is asked. */
export class MoodyStore implements RecordStore {
  readonly #inner: RecordStore
  readonly asked = new Map<string, number>()
  mood: 'there' | 'away' | 'hanging' = 'there'
  #going = Promise.withResolvers<void>()

  constructor(inner: RecordStore) {
    this.#inner = inner
  }

  put(stored: StoredRecord, hub: string | undefined, nowMs: number): Promise<PutOutcome> {
    return this.#ask('put', () => this.#inner.put(stored, hub, nowMs))
  }

  get(peer: string, nowMs: number): Promise<StoredRecord | undefined> {
    return this.#ask('get', () => this.#inner.get(peer, nowMs))
  }

  goodbye(peer: string, nowMs: number): Promise<StoredRecord | undefined> {
    return this.#ask('goodbye', () => this.#inner.goodbye(peer, nowMs))
  }

  release(peer: string, hub: string, nowMs: number): Promise<void> {
    return this.#ask('release', () => this.#inner.release(peer, hub, nowMs))
  }

  async *held(hub: string): AsyncIterable<string> {
    await this.#ask('held', async () => {})
    yield* this.#inner.held(hub)
  }

  list(after: string | undefined, limit: number, nowMs: number): Promise<PeerPage> {
    return this.#ask('list', () => this.#inner.list(after, limit, nowMs))
  }

  count(nowMs: number): Promise<number> {
    return this.#ask('count', () => this.#inner.count(nowMs))
  }

  watch(peer: string): Promise<void> {
    return this.#ask('watch', () => this.#inner.watch(peer))
  }

  unwatch(peer: string): void {
    this.#count('unwatch')
    this.#inner.unwatch(peer)
  }

  onNews(listener: (news: StoreNews) => void): () => void {
    return this.#inner.onNews(listener)
  }

  call(peer: string, envelope: Uint8Array): Promise<void> {
    return this.#ask('call', () => this.#inner.call(peer, envelope))
  }

  onCall(listener: (peer: string, envelope: Uint8Array) => void): () => void {
    return this.#inner.onCall(listener)
  }

  check(): Promise<void> {
    return this.#ask('check', () => this.#inner.check())
  }

  stop(): Promise<void> {
    return this.#inner.stop()
  }

  /** What hangs goes on. */
  goOn(): void {
    this.mood = 'there'
    this.#going.resolve()
    this.#going = Promise.withResolvers()
  }

  #count(what: string): void {
    this.asked.set(what, (this.asked.get(what) ?? 0) + 1)
  }

  async #ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#count(what)
    if (this.mood === 'hanging') await this.#going.promise
    if (this.mood === 'away') throw new NatError('UNAVAILABLE', 'the store is away')
    return await work()
  }
}

export async function moodyStore(t: TestContext): Promise<MoodyStore> {
  const store = await openStore('memory:', '')
  t.after(() => store.stop())
  return new MoodyStore(store)
}

/** Who hears of news and calls, and writes them down. */
export class Ear implements Subscriber {
  readonly heard: News[] = []
  readonly calls: Uint8Array[] = []

  news(news: News): void {
    this.heard.push(news)
  }

  called(envelope: Uint8Array): void {
    this.calls.push(envelope)
  }

  /** The numbers of the records that it was told of; 0: gone. */
  async numbers(): Promise<number[]> {
    return await Promise.all(
      this.heard.map(async ({ envelope }) => (envelope == null ? 0 : (await openPeerRecord(envelope)).seq - START_MS))
    )
  }
}

export interface Stage {
  readonly clock: VirtualClock
  readonly store: MoodyStore
  readonly reservations: Events<ReservationEvents>
  readonly registry: Registry
  /** How many signatures were checked. */
  readonly checks: () => number
}

export interface StageInit {
  readonly limits?: Partial<RecordLimits>
  readonly store?: MoodyStore
  readonly clock?: VirtualClock
  readonly hub?: string
}

/** Those that share a clock. */
const registries = new WeakMap<VirtualClock, Registry[]>()

/** A registry in virtual time, with a store in memory. */
export async function stage(t: TestContext, init: StageInit = {}): Promise<Stage> {
  const { clock = new VirtualClock(), hub = 'this hub', limits = {}, store = await moodyStore(t) } = init
  const reservations = new Events<ReservationEvents>()
  let checks = 0
  const registry = startRegistry({
    store,
    hub,
    reservations,
    limits,
    clock,
    wall: () => START_MS + clock.now(),
    open: (envelope, of) => {
      checks++
      return openPeerRecord(envelope, of)
    }
  })
  const all = registries.get(clock) ?? []
  if (all.push(registry) === 1) {
    registries.set(clock, all)
    t.after(() => {
      for (const each of all) each.stop()
      assert.equal(clock.pending, 0, 'a timer is left')
    })
  }
  return { clock, store, reservations, registry, checks: () => checks }
}

/** Waits for what does not take its time from the clock: the store. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!(await isSo())) {
    assert.ok(performance.now() < endMs, `never: ${what}`)
    await setImmediate()
  }
}
