import type { NetworkReachability } from '../libp2p/autonat/index.ts'
import type { Mapped } from '../portmap/index.ts'
import type { Link } from './link.ts'
import type { NetworkChange } from './network.ts'
import type { HubRegistered, NodeRendezvousEvents } from './rendezvous.ts'

export type NodeEvents = {
  /** A peer has connected to us, or we to it. */
  link: Link
  /** Whether anybody can dial us has become known, or has changed. */
  reachability: NetworkReachability
  /** The router has mapped a port of ours. */
  mapped: Mapped
  /** Our addresses or default route have changed, the machine has slept, or our NAT has forgotten us: all links look for new paths. */
  network: NetworkChange
  /** A hub holds a reservation for us, so that others reach us by it, or holds none any more. */
  reservation: { readonly hub: string; readonly held: boolean }
  /** A hub keeps our record, by which others find us at whichever hub they ask, or does not, and why. */
  registered: HubRegistered
  /** A peer that cannot connect to us has asked a hub to have us connect to it, and we do. */
  called: NodeRendezvousEvents['called']
}
