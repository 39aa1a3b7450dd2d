import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Clock, sleep } from '../../core/clock.ts'
import { scoped } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'

/** The next address is tried when the one before has been silent for so long (RFC 8305 section 8 has 250 ms). */
const STAGGER_MS = 250

export interface RaceInit {
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly dial: (address: Multiaddr, signal: AbortSignal) => Promise<Connection>
  /** All addresses so far have failed, and more may come: now, or when it is told that none does. */
  readonly onIdle?: () => void
}

/**
 * Addresses that are tried one after the other; the next has its turn when the one before has failed or kept silent for a while. Some may become
 * known only while others are under way.
 */
export class Race {
  /** Rejects with what the first of the addresses failed with, when all have and no more come; with the signal's reason. */
  readonly winner: Promise<Connection>
  readonly #init: RaceInit
  readonly #over = new AbortController()
  readonly #limit: AbortSignal
  readonly #settle: PromiseWithResolvers<Connection>
  readonly #errors: unknown[] = []
  #won: Connection | undefined
  #added = 0
  #running = 0
  #isLast = false
  #before: Promise<unknown> = Promise.resolve()
  #nextAtMs: number

  constructor(init: RaceInit) {
    const { signal, clock } = init
    this.#init = init
    this.#limit = AbortSignal.any([signal, this.#over.signal])
    this.#settle = Promise.withResolvers()
    this.winner = this.#settle.promise
    // it may be lost before anybody waits for it
    this.winner.catch(() => {})
    this.#nextAtMs = clock.now()
    signal.addEventListener('abort', this.#onAbort, { once: true })
    if (signal.aborted) this.#onAbort()
  }

  /** Nothing is under way, and nothing has won. */
  get isIdle(): boolean {
    return this.#running === 0 && !this.#over.signal.aborted
  }

  add(addresses: readonly Multiaddr[]): void {
    for (const address of addresses) {
      if (this.#over.signal.aborted) return
      const index = this.#added++
      this.#running++
      const attempt = this.#turn().then(() => scoped(this.#limit, own => this.#init.dial(address, own)))
      this.#before = attempt
      attempt.then(
        connection => this.#onConnection(connection),
        error => this.#onFailure(index, error)
      )
    }
  }

  /** No more addresses come. */
  last(): void {
    this.#isLast = true
    if (this.isIdle) this.#end(() => this.#settle.reject(this.#failure()))
  }

  /** Whoever comes late goes at once when nobody is under way, and else to the end of the line. */
  #turn(): Promise<void> {
    const { clock } = this.#init
    const nowMs = clock.now()
    const atMs = Math.max(nowMs, this.#nextAtMs)
    this.#nextAtMs = atMs + STAGGER_MS
    if (atMs === nowMs) return Promise.resolve()
    return Promise.race([sleep(clock, atMs - nowMs, this.#limit), failureOf(this.#before)])
  }

  #onConnection(connection: Connection): void {
    if (this.#over.signal.aborted) {
      if (connection !== this.#won) connection.abort(FASTER)
      return
    }
    this.#won = connection
    this.#end(() => this.#settle.resolve(connection))
  }

  #onFailure(index: number, error: unknown): void {
    this.#errors[index] = error
    this.#running--
    if (!this.isIdle) return
    if (this.#isLast) this.#end(() => this.#settle.reject(this.#failure()))
    else this.#init.onIdle?.()
  }

  #failure(): unknown {
    return this.#errors[0] ?? new NatError('BAD_ADDRESS', 'there is no address to dial')
  }

  readonly #onAbort = (): void => this.#end(() => this.#settle.reject(this.#init.signal.reason))

  #end(settle: () => void): void {
    if (this.#over.signal.aborted) return
    settle()
    this.#init.signal.removeEventListener('abort', this.#onAbort)
    this.#over.abort(FASTER)
  }
}

const FASTER = new NatError('LINK_CLOSED', 'another way was faster')

/** Resolves when the attempt fails, and else never. */
function failureOf(attempt: Promise<unknown>): Promise<void> {
  return new Promise(resolve => attempt.catch(() => resolve()))
}
