import { type Clock, sleep } from '../../core/clock.ts'

/**
 * The pauses before each retry. A NAT that answers an early SYN with RST closes the hole as well, so both sides have to have
 * a SYN on its way at the same moment: at first they try again at once, which is after one round trip each. The number is
 * small, because the address may be a bystander's.
 */
const RETRY_MS: readonly number[] = [0, 0, 0, 50, 100, 200, 400, 800]

/** The other side's NAT, or the other side itself, has answered that nobody is there: it may have been too early. */
const TOO_EARLY: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH'])

/**
 * Connects to somebody who connects to us at the same moment (simultaneous open, RFC 9293 section 3.5): whichever SYN gets
 * through first, it is one connection.
 *
 * @throws what the last try failed with; the signal's reason
 */
export async function connectSimultaneously<T>(
  connect: () => Promise<T>,
  clock: Clock,
  signal: AbortSignal
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await connect()
    } catch (error) {
      signal.throwIfAborted()
      const pauseMs = RETRY_MS[tries]
      if (pauseMs == null || !TOO_EARLY.has((error as NodeJS.ErrnoException).code)) throw error
      await sleep(clock, pauseMs, signal)
    }
  }
}
