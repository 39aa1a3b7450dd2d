import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import { Race } from './race.ts'

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
  const race = new Race({ clock, signal, dial })
  race.add(addresses)
  race.last()
  return await race.winner
}
