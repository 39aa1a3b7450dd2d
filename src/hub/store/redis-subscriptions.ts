import type { Clock } from '../../core/clock.ts'
import { addressText, type RedisAddress } from './redis-address.ts'
import { type RedisMessages, redisMessages } from './redis-client.ts'
import { isBreak } from './redis-errors.ts'
import { Revived } from './revived.ts'

export interface SubscriptionsInit {
  readonly address: RedisAddress
  readonly clock: Clock
  onMessage(channel: string, message: Buffer): void
  /** All channels are heard again after some time in which messages may have been missed. */
  onBack(): void
}

/** A command with more would hold up others. */
const CHANNELS_AT_ONCE = 1_000

/** The channels that a hub hears: they are subscribed to anew on every new connection. */
export class RedisSubscriptions {
  readonly #wanted = new Set<string>()
  readonly #connection: Revived<RedisMessages>
  readonly #onMessage: (channel: string, message: Buffer) => void
  #hasBeenReady = false

  constructor({ address, clock, onMessage, onBack }: SubscriptionsInit) {
    this.#onMessage = onMessage
    this.#connection = new Revived({
      name: addressText(address),
      clock,
      hasParts: false,
      isBreak,
      make: attempt => redisMessages(address, attempt, (channel, message) => this.#heard(channel, message)),
      prepare: connection => this.#subscribeAll(connection),
      ready: () => {
        if (this.#hasBeenReady) onBack()
        this.#hasBeenReady = true
      }
    })
  }

  get firstTry(): Promise<Error | undefined> {
    return this.#connection.firstTry
  }

  /** Resolves when the channel is heard. @throws NatError UNAVAILABLE: then it is not, and will not be */
  async add(channel: string): Promise<void> {
    this.#wanted.add(channel)
    try {
      await this.#connection.use(connection => connection.subscribe([channel]))
    } catch (error) {
      this.#wanted.delete(channel)
      throw error
    }
  }

  /** Resolves when the channel is heard, or will be as soon as there is a connection. */
  async keep(channel: string): Promise<void> {
    this.#wanted.add(channel)
    await this.#connection.use(connection => connection.subscribe([channel])).catch(() => {})
  }

  remove(channel: string): void {
    this.#wanted.delete(channel)
    // a new connection does not subscribe to it
    this.#connection.use(connection => connection.unsubscribe(channel)).catch(() => {})
  }

  check(): Promise<void> {
    return this.#connection.use(async () => {})
  }

  stop(): Promise<void> {
    return this.#connection.stop()
  }

  async #subscribeAll(connection: RedisMessages): Promise<void> {
    const channels = [...this.#wanted]
    for (let at = 0; at < channels.length; at += CHANNELS_AT_ONCE) {
      await connection.subscribe(channels.slice(at, at + CHANNELS_AT_ONCE))
    }
  }

  #heard(channel: string, message: Buffer): void {
    if (this.#wanted.has(channel)) this.#onMessage(channel, message)
    // it was given up while the connection was made
    else this.remove(channel)
  }
}
