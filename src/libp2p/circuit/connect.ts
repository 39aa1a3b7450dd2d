import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Clock, sleep } from '../../core/clock.ts'
import { scoped } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'

/** The next address is tried when the one before has been silent for so long (RFC 8305 section 8 has 250 ms). */
const STAGGER_MS = 250

/**
 * Of the direct connections to a relay or a relay's peer, the one for new streams: over QUIC, where a stream does not wait for
 * another's lost packet, and the newest, because after a change of network an older one may be dead without knowing.
 */
export function preferred(connections: readonly Connection[]): Connection | undefined {
  const open = connections.filter(({ status, direct }) => status === 'open' && direct)
  const quic = open.filter(({ remoteAddr }) => remoteAddr.toString().includes('/quic-v1'))
  // of two in the same millisecond, the later
  return (quic.length > 0 ? quic : open)
    .toSorted((one, other) => (one.timeline.open ?? 0) - (other.timeline.open ?? 0))
    .at(-1)
}

/**
 * Tries one after the other; the next has its turn when the one before has failed or kept silent for a while.
 *
 * @throws what the first of them failed with; the signal's reason
 */
export async function race(
  addresses: readonly Multiaddr[],
  clock: Clock,
  signal: AbortSignal,
  dial: (address: Multiaddr, signal: AbortSignal) => Promise<Connection>
): Promise<Connection> {
  const over = new AbortController()
  const limit = AbortSignal.any([signal, over.signal])
  let won: Connection | undefined
  let before: Promise<unknown> = Promise.resolve()
  const tries = addresses.map((address, index) => {
    const turn = index === 0 ? before : Promise.race([sleep(clock, index * STAGGER_MS, limit), failureOf(before)])
    const attempt = turn.then(async () => {
      const connection = await scoped(limit, own => dial(address, own))
      if (won != null && won !== connection) connection.abort(new NatError('LINK_CLOSED', 'another way was faster'))
      won ??= connection
      return won
    })
    before = attempt
    return attempt
  })
  try {
    return await Promise.any(tries)
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof AggregateError ? error.errors[0] : error
  } finally {
    over.abort(new NatError('LINK_CLOSED', 'another way was faster'))
  }
}

/** Resolves when the attempt fails, and else never. */
function failureOf(attempt: Promise<unknown>): Promise<void> {
  return new Promise(resolve => attempt.catch(() => resolve()))
}
