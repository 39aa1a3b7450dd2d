import { Timers } from './timers.ts'

/** A timer that was set and can be taken back. */
export interface Timer {
  cancel(): void
}

/** Where time comes from. Protocol code never reads the wall clock or sets a timer itself. */
export interface Clock {
  /** Milliseconds, monotonic, from an arbitrary start. */
  now(): number
  /** Calls `fn` once, `ms` milliseconds from now. A timer does not keep the process alive. */
  after(ms: number, fn: () => void): Timer
}

/** The machine's own monotonic clock. */
export const realClock: Clock = {
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }
}

/** A clock that moves only when told to, for tests and the simulator. */
export class VirtualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Timers()

  now(): number {
    return this.#nowMs
  }

  after(ms: number, fn: () => void): Timer {
    return this.#timers.add(this.#nowMs + Math.max(0, ms), fn)
  }

  /** How many timers are set: a test that ends with one has a leak. */
  get pending(): number {
    return this.#timers.size
  }

  /** When the next timer falls due. */
  get nextAtMs(): number | undefined {
    return this.#timers.nextAtMs
  }

  /**
   * Moves time forward and runs what falls due, in order. Promise jobs run between two timers, so that `async` code
   * that waits on this clock makes the progress that it would make in real time.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settle()
    for (let due = this.#timers.take(endMs); due != null; due = this.#timers.take(endMs)) {
      this.#nowMs = due.atMs
      due.fn()
      await settle()
    }
    this.#nowMs = endMs
  }
}

/** Lets every promise job that is ready, and those that they make ready, run. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/**
 * Waits on a clock.
 *
 * @throws the signal's reason, when it aborts first
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
