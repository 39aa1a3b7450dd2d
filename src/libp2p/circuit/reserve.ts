import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../core/errors.ts'
import { type CircuitLimit, hopCodec } from '../../wire/circuit.ts'
import { Frames } from '../frames.ts'
import { withPeer } from './address.ts'
import { openHop, shown, type TokenFor } from './hop.ts'
import { refused } from './status.ts'

/** What a relay grants, bounded: its clock may be wrong, and ours too. */
const MIN_TTL_MS = 60_000
const MAX_TTL_MS = 24 * 3_600_000
/** A relay has a few interfaces, each with a few transports. */
const MAX_RELAY_ADDRESSES = 32

export interface Granted {
  /** How long it lasts from now. */
  readonly ttlMs: number
  /** The relay's addresses, each with its peer id. */
  readonly relayAddresses: readonly Multiaddr[]
  /** What the relay allows for one relayed connection; absent: no limit. */
  readonly limit?: CircuitLimit
}

/**
 * Asks a relay for a reservation, or for the next one.
 *
 * @throws NatError HUB_REFUSED, MALFORMED, LINK_CLOSED
 */
export async function reserve(connection: Connection, tokenFor: TokenFor, signal: AbortSignal): Promise<Granted> {
  const stream = await openHop(connection, { signal })
  try {
    const frames = new Frames(stream, hopCodec, 'circuit hop')
    frames.send({ type: 'RESERVE', ...shown(connection, tokenFor) })
    const { type, status, reservation, limit, reason } = await frames.read(signal)
    if (type !== 'STATUS') {
      throw new NatError('MALFORMED', `the relay ${connection.remotePeer} answered a RESERVE with no STATUS`)
    }
    if (status !== 'OK' || reservation == null) throw refused({ status, reason }, connection.remotePeer)
    void stream.close({ signal }).catch(error => stream.abort(error))
    return {
      ttlMs: Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, reservation.expire * 1_000 - Date.now())),
      relayAddresses: addressesOf(reservation.addrs, connection),
      ...(limit == null ? {} : { limit })
    }
  } catch (error) {
    stream.abort(error as Error)
    throw error
  }
}

function addressesOf(told: readonly Uint8Array[], { remotePeer, remoteAddr }: Connection): Multiaddr[] {
  const addresses = told.slice(0, MAX_RELAY_ADDRESSES).flatMap(bytes => {
    try {
      return [withPeer(multiaddr(bytes), remotePeer)]
    } catch {
      // an address of a kind that we do not know
      return []
    }
  })
  // a relay that knows no address of its own hands out none: then it is reached as we reached it
  return addresses.length > 0 ? addresses : [withPeer(remoteAddr, remotePeer)]
}
