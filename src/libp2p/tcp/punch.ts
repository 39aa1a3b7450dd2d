import { type Clock, sleep } from '../../core/clock.ts'

/**
 * The pauses before each retry. A NAT that answers an early SYN with RST closes the hole as well, so both sides have to have
 * a SYN on its way at the same moment: at first they try again at once, which is after one round trip each. There are few,
 * because the address may be a bystander's: with these five SYNs in each of three rounds it hears fifteen.
 */
const RETRY_MS: readonly number[] = [0, 0, 100, 400]

/** The other side's NAT, or the other side itself, has answered that nobody is there: it may have been too early. */
const TOO_EARLY: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH'])

/**
 * Connects to somebody who connects to us at the same moment (simultaneous open, RFC 9293 section 3.5): whichever SYN gets
 * through first, it is one connection.
 *
 * @param met  whether the two sides had met when a try failed: then it was the handshake, and not the time
 * @throws what the last try failed with; the signal's reason
 */
export async function connectSimultaneously<T>(
  connect: () => Promise<T>,
  met: () => boolean,
  clock: Clock,
  signal: AbortSignal
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await connect()
    } catch (error) {
      signal.throwIfAborted()
      const pauseMs = RETRY_MS[tries]
      if (pauseMs == null || met() || !TOO_EARLY.has((error as NodeJS.ErrnoException).code)) throw error
      await sleep(clock, pauseMs, signal)
    }
  }
}
