import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Clock, sleep } from '../../core/clock.ts'
import { scoped } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { CircuitComponents } from './context.ts'

/** The next address is tried when the one before has been silent for so long (RFC 8305 section 8 has 250 ms). */
const STAGGER_MS = 250

/**
 * Connects to a relay by the first of its addresses that answers. A firewall that swallows UDP must not cost a dial's
 * whole deadline before TCP has its turn, and libp2p's own dial queue would try them one after the other.
 */
export async function connectToRelay(
  components: CircuitComponents,
  clock: Clock,
  relay: PeerId,
  addresses: readonly Multiaddr[],
  signal: AbortSignal
): Promise<Connection> {
  const open = openTo(components, relay)
  if (open != null) return open
  const dialable = addresses.filter(address => components.transportManager.dialTransportForMultiaddr(address) != null)
  try {
    // only a peer id, or a name: libp2p looks for the rest
    if (dialable.length === 0)
      return await components.connectionManager.openConnection(addresses[0] ?? relay, { signal })
    return await race(dialable, clock, signal, (address, limit) =>
      components.transportManager.dial(address, { signal: limit })
    )
  } catch (cause) {
    signal.throwIfAborted()
    const where = addresses.map(String).join(', ')
    throw new NatError('NO_HUB', `no hub answers at ${where}: ${(cause as Error).message}`, { cause })
  }
}

function openTo({ connectionManager }: CircuitComponents, relay: PeerId): Connection | undefined {
  const open = connectionManager.getConnections(relay).filter(({ status, direct }) => status === 'open' && direct)
  // a stream over QUIC does not wait for another stream's lost packet
  return open.find(({ remoteAddr }) => remoteAddr.toString().includes('/quic-v1')) ?? open[0]
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
