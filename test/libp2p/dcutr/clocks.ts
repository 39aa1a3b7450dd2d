import { type Clock, realClock } from '../../../src/core/clock.ts'

/** A clock that also tells how many timers are set on it. */
export interface CountingClock extends Clock {
  readonly pending: number
}

/** @param speed  how much faster than real time it runs, so that a deadline of ten seconds can be waited for */
export function countingClock(speed = 1): CountingClock {
  const timers = new Set<object>()
  return {
    now: () => performance.now() * speed,
    after(ms, fn) {
      const key = {}
      timers.add(key)
      const timer = realClock.after(ms / speed, () => {
        timers.delete(key)
        fn()
      })
      return {
        cancel() {
          timers.delete(key)
          timer.cancel()
        }
      }
    },
    get pending() {
      return timers.size
    }
  }
}
