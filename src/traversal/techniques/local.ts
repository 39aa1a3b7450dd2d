import { sourceOf } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Technique } from '../technique.ts'
import { tryPairs } from './pairs.ts'

/** Both sides are in one network, and reach each other by their addresses there. */
export const local: Technique = {
  name: 'local',
  cost: 4,
  // the offers go by the hub, the checks need a millisecond
  typicalMs: 300,
  sides: 'one',
  fits(mine, theirs) {
    if (mine == null || theirs == null || !tellsAll(mine) || !tellsAll(theirs)) return { fits: true, why: 'not-known' }
    const shared = sharesNetwork(mine, theirs)
    return { fits: shared, why: shared ? 'by-local-address' : 'other-network' }
  },
  attempt: tryPairs
}

/** Who else is in our LAN, and where there. */
export interface LocalPeers {
  of(peer: string): readonly Endpoint[]
  /** @returns a function that takes the listener away again */
  onChange(listener: (peer: string) => void): () => void
}

/** `local`, and neighbours are found, too, whose addresses do not tell that they are some: in a LAN with two ways out, for example. */
export function localAmong(neighbours: LocalPeers): Technique {
  return {
    ...local,
    fits(mine, theirs, peer) {
      const isNeighbour = peer != null && neighbours.of(peer).length > 0
      return isNeighbour ? { fits: true, why: 'by-local-address' } : local.fits(mine, theirs, peer)
    },
    onChange: listener => neighbours.onChange(listener),
    attempt(context) {
      if (context.on === 'link' && !context.signal.aborted) {
        const look = () => {
          for (const endpoint of neighbours.of(context.peer)) context.addTarget(endpoint)
        }
        const off = neighbours.onChange(peer => peer === context.peer && look())
        context.signal.addEventListener('abort', off, { once: true })
        look()
      }
      return tryPairs(context)
    }
  }
}

/** With several ways out two neighbours may be seen under different addresses. */
function tellsAll({ publicAddresses, uplinks }: NetworkSummary): boolean {
  return publicAddresses.length > 0 && uplinks <= 1
}

/** Whether a NAT's address, or an IPv6 network, is common to both. */
function sharesNetwork(mine: NetworkSummary, theirs: NetworkSummary): boolean {
  const ours = new Set(mine.publicAddresses.map(sourceOf))
  return theirs.publicAddresses.some(address => ours.has(sourceOf(address)))
}
