import { type Clock, sleep } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { type Random, secureRandom } from '../../core/random.ts'

/** A connection that lives once. */
export interface Revivable {
  connect(): Promise<unknown>
  onBroken(listener: (error: Error) => void): void
  destroy(): void
}

export interface RevivedInit<C extends Revivable> {
  /** What it is connected to, for people. */
  readonly name: string
  readonly clock: Clock
  readonly random?: Random
  make(attempt: number): C
  /** Before it is used. */
  prepare?(connection: C): Promise<void>
  /** Each time that it can be used. */
  ready?(): void
  /** Whether an error says that the connection is of no use any more, and is not an answer. */
  isBreak(error: Error): boolean
  /** One of its parts may have failed: it is used until the next one is there. */
  readonly hasParts: boolean
}

const CONNECT_MS = 4_000
/** Nothing waits for a connection, and what takes two operations is done within STORE_TIMEOUT_MS. */
const OPERATION_MS = 2_400
/** Some 10 MB of records that wait for an answer: what a burst of peers brings, and no more when none comes. */
const MAX_WAITING = 10_000
const BACKOFF_MS = { first: 50, most: 2_000 } as const
/** One that has lasted as long may be made anew at once. */
const STEADY_MS = 10_000

/**
 * A connection that is made anew whenever it breaks, and when it does not answer in time: the same whether the server has gone, hangs, or became another one's replica. While there is
 * none, what is asked of it fails at once, so nothing piles up.
 */
export class Revived<C extends Revivable> {
  readonly #init: RevivedInit<C>
  readonly #stopping = new AbortController()
  readonly #firstTry = Promise.withResolvers<Error | undefined>()
  readonly #retired = new Set<C>()
  #connection: C | undefined
  readonly #breaks = new WeakMap<C, (error: Error) => void>()
  #lastError: Error = new Error('it has not been connected yet')
  #waiting = 0
  readonly #life: Promise<void>

  constructor(init: RevivedInit<C>) {
    this.#init = init
    this.#life = this.#live()
  }

  /** What the first attempt to connect came to: the error that it failed with. */
  get firstTry(): Promise<Error | undefined> {
    return this.#firstTry.promise
  }

  /** @throws NatError UNAVAILABLE; whatever else `work` rejects with, when that is an answer */
  use<T>(work: (connection: C) => Promise<T>): Promise<T> {
    const connection = this.#connection
    if (connection == null) return Promise.reject(this.#unavailable(this.#lastError))
    if (this.#waiting >= MAX_WAITING) {
      return Promise.reject(this.#unavailable(new Error(`${MAX_WAITING} operations wait for it already`)))
    }
    this.#waiting++
    return new Promise<T>((resolve, reject) => {
      let isOver = false
      const over = () => {
        if (isOver) return false
        isOver = true
        timer.cancel()
        this.#waiting--
        return true
      }
      const timer = this.#init.clock.after(OPERATION_MS, () => {
        if (!over()) return
        const late = new Error(`no answer within ${OPERATION_MS} ms`)
        this.#doubt(connection, late)
        reject(this.#unavailable(late))
      })
      work(connection).then(
        value => {
          if (over()) resolve(value)
        },
        (error: Error) => {
          if (!over()) return
          const isBreak = this.#init.isBreak(error)
          if (isBreak) this.#doubt(connection, error)
          reject(isBreak ? this.#unavailable(error) : error)
        }
      )
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('it was stopped'))
    this.#firstTry.resolve(undefined)
    for (const connection of this.#retired) this.#end(connection)
    await this.#life
  }

  #unavailable(cause: Error): NatError {
    const why = cause.message || (cause as NodeJS.ErrnoException).code || cause.name
    return new NatError('UNAVAILABLE', `${this.#init.name} cannot be reached (${why.slice(0, 200)})`, { cause })
  }

  #doubt(connection: C, error: Error): void {
    this.#breaks.get(connection)?.(error)
  }

  async #live(): Promise<void> {
    const { clock, hasParts } = this.#init
    for (let attempt = 0, failures = 0; !this.#stopping.signal.aborted; attempt++) {
      const sinceMs = clock.now()
      const error = await this.#liveOnce(attempt)
      if (!hasParts) this.#retire()
      this.#lastError = error
      this.#firstTry.resolve(error)
      failures = clock.now() - sinceMs > STEADY_MS ? 0 : failures + 1
      if (failures > 0) await this.#pause(failures)
    }
    this.#retire()
  }

  /** @returns why it is over */
  async #liveOnce(attempt: number): Promise<Error> {
    const broken = Promise.withResolvers<Error>()
    const { signal } = this.#stopping
    const onStop = () => broken.resolve(signal.reason)
    signal.addEventListener('abort', onStop, { once: true })
    const connection = this.#init.make(attempt)
    connection.onBroken(broken.resolve)
    this.#breaks.set(connection, broken.resolve)
    try {
      const failed = broken.promise.then(error => Promise.reject(error))
      await Promise.race([this.#prepare(connection), failed])
      this.#retire()
      this.#connection = connection
      this.#firstTry.resolve(undefined)
      this.#init.ready?.()
      return await broken.promise
    } catch (error) {
      this.#end(connection)
      return error as Error
    } finally {
      signal.removeEventListener('abort', onStop)
    }
  }

  async #prepare(connection: C): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = this.#init.clock.after(CONNECT_MS, () =>
      late.reject(new Error(`no connection within ${CONNECT_MS} ms`))
    )
    const prepared = connection.connect().then(() => this.#init.prepare?.(connection))
    try {
      await Promise.race([prepared, late.promise])
    } finally {
      timer.cancel()
    }
  }

  /** What is under way on the connection that was in use may still be answered, unless it has no parts that could. */
  #retire(): void {
    const connection = this.#connection
    this.#connection = undefined
    if (connection == null) return
    if (!this.#init.hasParts || this.#stopping.signal.aborted) {
      this.#end(connection)
      return
    }
    this.#retired.add(connection)
    this.#init.clock.after(OPERATION_MS, () => this.#end(connection))
  }

  #end(connection: C): void {
    this.#retired.delete(connection)
    try {
      connection.destroy()
    } catch {
      // it has ended by itself
    }
  }

  async #pause(failures: number): Promise<void> {
    const { clock, random = secureRandom } = this.#init
    const { first, most } = BACKOFF_MS
    // hubs that have lost the same server do not come back in one moment
    const ms = (Math.min(most, first * 2 ** (failures - 1)) * random.int(50, 100)) / 100
    await sleep(clock, ms, this.#stopping.signal).catch(() => {})
  }
}
