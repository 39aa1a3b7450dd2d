import type { Libp2p, PeerId } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { realClock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { race } from '../libp2p/circuit/connect.ts'
import type { Dcutr } from '../libp2p/dcutr/index.ts'
import type { Attempt } from '../traversal/attempt.ts'
import { connectError } from './connect-error.ts'
import type { Dials } from './dials.ts'
import type { Link } from './link.ts'
import { parsePeer } from './peer.ts'

export interface ConnectOptions {
  readonly signal?: AbortSignal
  /** When to resolve: as soon as any path works, or only on a direct one. @default 'first' */
  readonly until?: 'first' | 'direct'
}

/** What a connect works with. */
export interface Connecting {
  readonly libp2p: Libp2p<{ dcutr: Dcutr }>
  readonly transportManager: TransportManager
  readonly hubs: readonly Multiaddr[]
  readonly dials: Dials
  isConnected(peer: PeerId): boolean
  linkTo(peer: PeerId): Link
}

const CONNECT_TIMEOUT_MS = 15_000

/**
 * Connects to a peer. Whoever connects to the same one meanwhile shares the dial; each waits by a signal of its own.
 *
 * @throws NatError BAD_ADDRESS, PEER_OFFLINE, HUB_REFUSED, TIMEOUT, STILL_RELAYED
 */
export async function connect(
  node: Connecting,
  id: string,
  { signal, until = 'first' }: ConnectOptions
): Promise<Link> {
  const { transportManager, hubs, dials } = node
  const peer = parsePeer(id)
  const limit = AbortSignal.any([AbortSignal.timeout(CONNECT_TIMEOUT_MS), ...(signal == null ? [] : [signal])])
  if (!node.isConnected(peer)) {
    const relayed = hubs.map(hub => hub.encapsulate(`/p2p-circuit/p2p/${id}`))
    // past libp2p's dial queue, which would try one hub after the other
    const dial = (signal: AbortSignal) =>
      race(relayed, realClock, signal, (address, own) => transportManager.dial(address, { signal: own }))
    await dials.join(id, limit, dial).catch(error => {
      throw connectError(id, error, limit)
    })
  }
  const link = node.linkTo(peer)
  link.refresh()
  if (until === 'direct' && link.path?.kind !== 'direct') {
    await untilDirect(node, link, peer, limit).catch(error => {
      throw connectError(id, error, limit)
    })
  }
  return link
}

/** @throws NatError STILL_RELAYED when everything has been tried once; the signal's reason */
async function untilDirect({ libp2p }: Connecting, link: Link, peer: PeerId, signal: AbortSignal): Promise<void> {
  let attempts: readonly Attempt[]
  if (link.session != null) {
    await link.settled(signal)
    if (link.path?.kind === 'direct') return
    attempts = link.attempts
  } else {
    const upgrade = await libp2p.services.dcutr.upgrade(peer, { signal })
    link.refresh()
    if (upgrade.outcome === 'direct') return
    attempts = upgrade.attempts
  }
  const why = attempts.map(({ technique, reason }) => `${technique}: ${reason}`).join(', ')
  const explanation = link.explain()
  throw new NatError('STILL_RELAYED', `connected to ${peer} over a relay only (${why})`, { details: { explanation } })
}
