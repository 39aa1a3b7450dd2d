import type { Connection, PeerId } from '@libp2p/interface'
import { realClock } from '../core/clock.ts'
import { retire } from '../libp2p/dcutr/retire.ts'
import type { OtherRelays } from './other-relays.ts'

export interface Leaving {
  readonly libp2p: { getConnections(peer?: PeerId): Connection[] }
  readonly otherRelays: OtherRelays
  /** Whether there is a link to that peer. */
  isLinked(peer: string): boolean
  /** The node stops. */
  readonly signal: AbortSignal
}

/** A link has ended: connections to relays that only its peer was gone to by are closed, once nothing runs on them. A hub holds each, and is asked for signs of life. */
export function leaveRelays(peer: string, { libp2p, otherRelays, isLinked, signal }: Leaving): void {
  const relays = otherRelays.leave(peer, isLinked)
  if (relays.length === 0) return
  for (const connection of libp2p.getConnections()) {
    const id = connection.remotePeer.toString()
    if (relays.includes(id) && otherRelays.has(connection) && !isLinked(id)) void retire(connection, realClock, signal)
  }
}
