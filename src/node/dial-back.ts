import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { withDeadline } from '../core/deadline.ts'
import { race } from '../libp2p/circuit/connect.ts'
import type { KnownPeer } from '../libp2p/peer-record.ts'
import { CALLERS } from './callers.ts'
import type { Dials } from './dials.ts'
import type { Searching } from './find.ts'
import { MAX_CALLER, waysTo } from './record-addresses.ts'

export interface DialBackInit extends Pick<Searching, 'own' | 'otherRelays' | 'hubs' | 'clock'> {
  readonly transportManager: Pick<TransportManager, 'dial'>
  readonly dials: Dials
}

/**
 * Connects to a peer that calls: by the relays that its record names, by our hubs, and to its own address, where we may go. It chooses whom we dial, so it is few.
 *
 * @throws what the first way failed with; NatError TIMEOUT
 */
export async function dialBack(
  { hubs, dials, transportManager, own, otherRelays, clock }: DialBackInit,
  caller: KnownPeer
): Promise<void> {
  const { peer } = caller
  const { relayed, direct } = waysTo(caller, own(), MAX_CALLER)
  // somebody else's record may have named it as a relay
  otherRelays.delete(peer.toString())
  otherRelays.note(peer.toString(), relayed)
  const byHubs: Multiaddr[] = hubs.map(hub => hub.encapsulate(`/p2p-circuit/p2p/${peer}`))
  await withDeadline(clock, CALLERS.dialMs, `a connection to ${peer}, which calls`, undefined, limit =>
    dials.join(peer.toString(), limit, signal =>
      race([...relayed, ...byHubs, ...direct], clock, signal, (address, one) =>
        transportManager.dial(address, { signal: one })
      )
    )
  )
}
