import { type Clock, realClock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import { addressText, type RedisAddress } from './redis-address.ts'
import { type RedisCommands, redisCommands } from './redis-client.ts'
import { hasNoScript, isBreak, isRefusedLogin, refused } from './redis-errors.ts'
import { BUCKETS, bucketOf, callChannel, heldKeys, indexKey, readChannel, recordKey } from './redis-keys.ts'
import { putCall, releaseCall, type ScriptCall } from './redis-scripts.ts'
import { RedisSubscriptions } from './redis-subscriptions.ts'
import { hubName, readKept } from './redis-value.ts'
import { RedisWatches } from './redis-watches.ts'
import { Revived } from './revived.ts'
import { goodbyeIn, isThere, type Kept } from './standing.ts'
import type { PeerPage, PutOutcome, RecordStore, StoredRecord, StoreNews } from './store.ts'
import type { StoreEvents } from './store-events.ts'

/** Buckets that are asked at once: few at first, since a page is often full with the first ones. */
const BUCKETS_AT_ONCE = { first: 4, most: 128 } as const
/** A signed envelope, and the peer that it is for. */
const MAX_CALL_BYTES = 16 * 1024

/**
 * Opens the records of a fleet of hubs.
 *
 * @throws NatError BAD_OPTION when Redis refuses the login; while it cannot be reached there is a store all the same
 */
export async function redisStore(address: RedisAddress, clock: Clock = realClock): Promise<RecordStore> {
  const store = new RedisStore(address, clock)
  const error = await store.firstTry
  if (error == null || !isRefusedLogin(error)) return store
  await store.stop()
  throw new NatError('BAD_OPTION', `${addressText(address)} refuses the login: check its user and password`, {
    cause: error
  })
}

class RedisStore implements RecordStore {
  readonly #name: string
  readonly #commands: Revived<RedisCommands>
  readonly #subscriptions: RedisSubscriptions
  readonly #watches: RedisWatches
  readonly #events = new Events<StoreEvents>()
  /** The hubs whose calls come here. One channel each, and not one for each of their peers: a hub has tens of thousands of those, and a call is rare. */
  readonly #hubs = new Map<string, Promise<void>>()

  constructor(address: RedisAddress, clock: Clock) {
    this.#name = addressText(address)
    this.#commands = new Revived({
      name: this.#name,
      clock,
      hasParts: address.kind === 'cluster',
      isBreak,
      make: () => redisCommands(address),
      // news of a node that has failed may have been lost with it
      ready: () => this.#watches.readAgain()
    })
    this.#subscriptions = new RedisSubscriptions({
      address,
      clock,
      onMessage: (channel, message) => this.#heard(channel, message),
      onBack: () => this.#watches.readAgain()
    })
    this.#watches = new RedisWatches({
      clock,
      subscriptions: this.#subscriptions,
      read: peer => this.#kept(peer),
      tell: news => this.#events.emit('news', news)
    })
  }

  /** What the first attempt to connect failed with. */
  get firstTry(): Promise<Error | undefined> {
    return Promise.all([this.#commands.firstTry, this.#subscriptions.firstTry]).then(([a, b]) => a ?? b)
  }

  async put(record: StoredRecord, hub: string | undefined, nowMs: number): Promise<PutOutcome> {
    if (hub != null) await this.#answerFor(hub)
    const reply = await this.#run(putCall(record, hub, nowMs))
    const [outcome, value] = Array.isArray(reply) ? reply : []
    switch (String(outcome)) {
      case 'stored':
      case 'same':
        return { outcome: String(outcome) as 'stored' | 'same' }
      case 'stale': {
        const current = readKept(record.peer, value)?.record
        if (current != null) return { outcome: 'stale', current }
      }
    }
    throw refused(this.#name, new Error('its answer cannot be read'))
  }

  async get(peer: string, nowMs: number): Promise<StoredRecord | undefined> {
    const kept = await this.#kept(peer)
    return kept != null && isThere(kept) && kept.record.expiresMs > nowMs ? kept.record : undefined
  }

  async goodbye(peer: string, nowMs: number): Promise<StoredRecord | undefined> {
    return goodbyeIn(await this.#kept(peer), nowMs)
  }

  async release(peer: string, hub: string, nowMs: number): Promise<void> {
    await this.#run(releaseCall(peer, hub, nowMs))
  }

  async *held(hub: string): AsyncIterable<string> {
    await this.#answerFor(hub)
    for (let bucket = 0; bucket < BUCKETS; bucket += BUCKETS_AT_ONCE.most) {
      const keys = buckets(bucket, BUCKETS_AT_ONCE.most).map(each => heldKeys(each) + hubName(hub))
      const sets = await Promise.all(keys.map(key => this.#send(key, ['SMEMBERS', key]).catch(isGarbage)))
      for (const set of sets) yield* texts(set)
    }
  }

  /** In the order of their buckets, and within one of their ids. */
  async list(after: string | undefined, limit: number, nowMs: number): Promise<PeerPage> {
    const peers: string[] = []
    let bucket = after == null ? 0 : bucketOf(after)
    for (let some: number = BUCKETS_AT_ONCE.first; bucket < BUCKETS && peers.length <= limit; some *= 2) {
      const asked = buckets(bucket, Math.min(some, BUCKETS_AT_ONCE.most))
      const pages = await Promise.all(asked.map(each => this.#alive(each, nowMs)))
      for (const page of pages) {
        for (const peer of page.sort()) {
          if (after == null || bucketOf(peer) !== bucketOf(after) || peer > after) peers.push(peer)
        }
      }
      bucket += asked.length
    }
    if (peers.length <= limit) return { peers }
    return { peers: peers.slice(0, limit), next: peers[limit - 1]! }
  }

  async count(nowMs: number): Promise<number> {
    const counts = await Promise.all(
      buckets(0, BUCKETS).map(bucket =>
        this.#send(indexKey(bucket), ['ZCOUNT', indexKey(bucket), `(${Math.round(nowMs)}`, '+inf']).catch(isGarbage)
      )
    )
    return counts.reduce<number>((sum, count) => sum + (Number(count) || 0), 0)
  }

  watch(peer: string): Promise<void> {
    return this.#watches.watch(peer)
  }

  unwatch(peer: string): void {
    this.#watches.unwatch(peer)
  }

  onNews(listener: (news: StoreNews) => void): () => void {
    return this.#events.on('news', listener)
  }

  async call(peer: string, envelope: Uint8Array): Promise<void> {
    const holders = (await this.#kept(peer))?.holders ?? []
    const message = Buffer.concat([Buffer.from(`${peer} `), envelope])
    await Promise.all(holders.map(hub => this.#send(undefined, ['PUBLISH', callChannel(hub), message])))
  }

  onCall(listener: (peer: string, envelope: Uint8Array) => void): () => void {
    return this.#events.on('call', ({ peer, envelope }) => listener(peer, envelope))
  }

  async check(): Promise<void> {
    await Promise.all([this.#send(recordKey(''), ['GET', recordKey('')]), this.#subscriptions.check()])
  }

  async stop(): Promise<void> {
    this.#events.clear()
    await Promise.all([this.#watches.stop(), this.#subscriptions.stop(), this.#commands.stop()])
  }

  async #kept(peer: string): Promise<Kept | undefined> {
    const key = recordKey(peer)
    return readKept(peer, await this.#send(key, ['GET', key]).catch(isGarbage))
  }

  async #alive(bucket: number, nowMs: number): Promise<string[]> {
    const key = indexKey(bucket)
    const reply = await this.#send(key, ['ZRANGEBYSCORE', key, `(${Math.round(nowMs)}`, '+inf']).catch(isGarbage)
    return [...texts(reply)]
  }

  /** Once for each hub: from then on it is heard again after every lost connection. */
  #answerFor(hub: string): Promise<void> {
    const known = this.#hubs.get(hub)
    if (known != null) return known
    const listening = this.#subscriptions.keep(callChannel(hubName(hub)))
    this.#hubs.set(hub, listening)
    return listening
  }

  #heard(channel: string, message: Buffer): void {
    const { kind, of } = readChannel(channel) ?? {}
    if (kind === 'news' && of != null) this.#watches.heard(of, message)
    if (kind !== 'call' || message.length > MAX_CALL_BYTES) return
    const space = message.indexOf(' ')
    if (space < 1) return
    const envelope = new Uint8Array(message.subarray(space + 1))
    this.#events.emit('call', { peer: message.toString('latin1', 0, space), envelope })
  }

  /** Redis forgets its scripts when it starts again: then the whole of it is sent. */
  async #run({ script, keys, args }: ScriptCall): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.#commands.use(redis => redis.send(keys[0], ['EVALSHA', script.sha1, ...rest]))
    } catch (error) {
      if (!hasNoScript(error)) throw refused(this.#name, error)
    }
    return this.#send(keys[0], ['EVAL', script.source, ...rest])
  }

  async #send(key: string | undefined, args: readonly (string | Buffer)[]): Promise<unknown> {
    try {
      return await this.#commands.use(redis => redis.send(key, args))
    } catch (error) {
      throw refused(this.#name, error)
    }
  }
}

function buckets(first: number, count: number): number[] {
  return Array.from({ length: Math.min(count, BUCKETS - first) }, (_, at) => first + at)
}

function* texts(reply: unknown): Iterable<string> {
  if (!Array.isArray(reply)) return
  for (const each of reply) yield String(each)
}

/** A key of ours that holds something else holds nothing of ours. */
function isGarbage(error: NatError): undefined {
  const { cause } = error
  if (cause instanceof Error && cause.message.startsWith('WRONGTYPE')) return undefined
  throw error
}
