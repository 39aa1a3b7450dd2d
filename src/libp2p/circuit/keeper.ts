import { type Clock, sleep } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import type { Random } from '../../core/random.ts'
import { isDenied } from './status.ts'

export const KEEPER = {
  /** Connecting and asking, once. */
  attemptMs: 10_000,
  /** After a failure the next try comes within so long, twice as long each time, and never later than the second figure. */
  firstRetryMs: 250,
  maxRetryMs: 5_000,
  /** A hub that is not for us: until somebody has changed that. It counts wrong tokens. */
  deniedRetryMs: 60_000,
  /** When a hub restarts, its peers must not all come back in the same moment. */
  spreadMs: 500
} as const

/** A reservation that a relay has granted. */
export interface Held {
  readonly ttlMs: number
  /** Resolves when the connection to the relay is gone, and with it the reservation. */
  readonly lost: Promise<void>
}

export interface KeeperInit<T extends Held> {
  /** For errors: where the reservation is asked for. */
  readonly relay: string
  readonly clock: Clock
  readonly random: Random
  /** Has it ask at once, without the pause after failures: everything may be different now. */
  readonly restart: Restart
  /** Connects if need be, and asks. */
  readonly reserve: (signal: AbortSignal) => Promise<T>
  /** There is one now, or a newer one. */
  readonly onHeld: (held: T) => void
  /** There is none any more. */
  readonly onLost: () => void
  /** A try failed; another follows. */
  readonly onFailed: (error: Error) => void
}

/** Has whoever waits, for an answer or for time to pass, begin anew. */
export class Restart {
  #controller = new AbortController()

  now(): void {
    const before = this.#controller
    this.#controller = new AbortController()
    before.abort()
  }

  /** Aborts at the next restart. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }
}

/**
 * Keeps a reservation at one relay until the signal aborts: renews it at half its life, keeps the old one until there is
 * a new one, and comes back after whatever happened to the relay.
 */
export async function keepReservation<T extends Held>(init: KeeperInit<T>, signal: AbortSignal): Promise<void> {
  const { clock, random, restart } = init
  let current: { readonly held: T; readonly expiresAtMs: number; readonly lost: AbortSignal } | undefined
  for (let failures = 0; !signal.aborted; ) {
    const turn = AbortSignal.any([signal, restart.signal])
    try {
      const what = `a reservation at ${init.relay}`
      const held = await withDeadline(clock, KEEPER.attemptMs, what, turn, limit => init.reserve(limit))
      failures = 0
      current = { held, expiresAtMs: clock.now() + held.ttlMs, lost: abortedBy(held.lost) }
      init.onHeld(held)
      // half its life, less a little by chance, so that peers which came together do not renew together
      const renewAfterMs = random.int(Math.floor(held.ttlMs * 0.45), Math.floor(held.ttlMs * 0.5))
      await sleep(clock, renewAfterMs, AbortSignal.any([turn, current.lost])).catch(() => {})
      if (!current.lost.aborted) continue
      current = undefined
      if (signal.aborted) return
      init.onLost()
      await sleep(clock, random.int(0, KEEPER.spreadMs), turn).catch(() => {})
    } catch (error) {
      if (signal.aborted) return
      if (current != null && (current.lost.aborted || clock.now() >= current.expiresAtMs)) {
        current = undefined
        init.onLost()
      }
      if (!turn.aborted) {
        init.onFailed(error as Error)
        const backoffMs = Math.min(KEEPER.maxRetryMs, KEEPER.firstRetryMs * 2 ** failures++)
        const longestMs = isDenied(error) ? KEEPER.deniedRetryMs : backoffMs
        await sleep(clock, random.int(Math.floor(longestMs / 2), longestMs), turn).catch(() => {})
      }
      if (turn.aborted) failures = 0
    }
  }
}

function abortedBy(lost: Promise<void>): AbortSignal {
  const controller = new AbortController()
  void lost.then(() => controller.abort())
  return controller.signal
}
