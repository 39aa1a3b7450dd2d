import type { Libp2p, PeerId } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { realClock } from '../core/clock.ts'
import type { AllowPrivate } from '../core/ip.ts'
import type { Searching } from './find.ts'
import { isLoopbackHub } from './hubs.ts'
import { LookedUp } from './looked-up.ts'

export interface SearchInit extends Pick<Searching, 'rendezvous' | 'ownRecord' | 'otherRelays'> {
  readonly libp2p: Libp2p
  readonly transportManager: TransportManager
  readonly hubs: readonly Multiaddr[]
  readonly hubIds: ReadonlySet<string>
  readonly allowPrivate: AllowPrivate
  isConnected(peer: PeerId): boolean
}

/** What a running node looks for peers with. */
export function searchOf({ libp2p, hubIds, allowPrivate, isConnected, ...known }: SearchInit): Searching {
  const isOnThisMachine = known.hubs.every(isLoopbackHub)
  return {
    ...known,
    lookedUp: new LookedUp(),
    clock: realClock,
    wallMs: Date.now,
    own: () => ({ id: libp2p.peerId, addresses: libp2p.getMultiaddrs(), hubs: hubIds, allowPrivate, isOnThisMachine }),
    async connected(peer, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const onOpen = () => isConnected(peer) && resolve()
      const onAbort = () => reject(signal.reason)
      libp2p.addEventListener('connection:open', onOpen)
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        signal.throwIfAborted()
        onOpen()
        await promise
      } finally {
        libp2p.removeEventListener('connection:open', onOpen)
        signal.removeEventListener('abort', onAbort)
      }
    }
  }
}
