import type { Clock } from './clock.ts'
import { NatError } from './errors.ts'

/**
 * Runs `work` with a signal that aborts when the time is up or when `signal` does, whichever comes first, and stops
 * waiting for it then, even if the work itself does not listen.
 *
 * @param what  the thing waited for, for the error's message
 * @throws NatError TIMEOUT when the time is up; the signal's reason when that aborts
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  what: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const { promise, reject } = Promise.withResolvers<never>()
  controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true })
  const onAbort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer = clock.after(ms, () =>
    controller.abort(new NatError('TIMEOUT', `${what}: nothing within ${Math.round(ms)} ms`))
  )
  try {
    return await Promise.race([work(controller.signal), promise])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

/**
 * Runs `work` with a signal that follows `signal` only until the work has ended: Node keeps the signal of a TCP connect for
 * the life of the socket, and would destroy a connection that is long in use.
 */
export async function scoped<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const controller = new AbortController()
  const onAbort = () => controller.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(controller.signal)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
