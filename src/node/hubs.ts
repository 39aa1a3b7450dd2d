import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../core/errors.ts'
import type { Events } from '../core/events.ts'
import { ipScope, mayReach } from '../core/ip.ts'
import { endpointOf } from '../libp2p/candidate.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import type { ReservationEvents } from '../libp2p/circuit/index.ts'

/** When one hub is there, the others have so long to be there too before the node counts as started. */
const OTHERS_MS = 300

/** @throws NatError BAD_ADDRESS, NO_HUB */
export function parseHubs(hubs: readonly string[]): Multiaddr[] {
  if (hubs.length === 0)
    throw new NatError('NO_HUB', 'no hub was given: start one with `beeline hub`, and name its address')
  return hubs.map(text => {
    try {
      const address = multiaddr(text)
      if (lastPeer(address) != null && !text.includes('/p2p-circuit')) return address
    } catch {}
    throw new NatError(
      'BAD_ADDRESS',
      `${text} is not a hub's address: it looks like /ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3Koo…`
    )
  })
}

/** Whether a hub is in a network of its own, and its peers with it. */
export function isPrivateHub(hub: Multiaddr): boolean {
  const host = endpointOf(hub)?.address
  return host != null && ipScope(host) !== 'public' && mayReach(host, 'network')
}

/** Whether only programs on this machine get to a hub. */
export function isLoopbackHub(hub: Multiaddr): boolean {
  const host = endpointOf(hub)?.address
  return host != null && ipScope(host) === 'loopback'
}

/**
 * Waits for a reservation at one of the hubs, and a moment more for those at the others.
 *
 * @throws NatError what the first hub failed with, when all of them have failed once; the signal's reason
 */
export async function reachable(
  reservations: Events<ReservationEvents>,
  hubIds: ReadonlySet<string>,
  signal?: AbortSignal
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const waiting = new Set(hubIds)
  let failure: Error | undefined
  let grace: NodeJS.Timeout | undefined
  const onAbort = () => reject(signal?.reason)
  const settle = () => {
    if (waiting.size > 0) return
    if (grace == null) reject(failure)
    else resolve()
  }
  const unsubscribe = [
    reservations.on('reserved', ({ relay }) => {
      waiting.delete(relay.toString())
      grace ??= setTimeout(resolve, OTHERS_MS)
      settle()
    }),
    reservations.on('failed', ({ relay, error }) => {
      failure ??= error
      waiting.delete(relay.toString())
      settle()
    })
  ]
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    signal?.throwIfAborted()
    await promise
  } finally {
    clearTimeout(grace)
    signal?.removeEventListener('abort', onAbort)
    for (const each of unsubscribe) each()
  }
}
