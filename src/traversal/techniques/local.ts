import { sourceOf } from '../../core/ip.ts'
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

/** With several ways out two neighbours may be seen under different addresses. */
function tellsAll({ publicAddresses, uplinks }: NetworkSummary): boolean {
  return publicAddresses.length > 0 && uplinks <= 1
}

/** Whether a NAT's address, or an IPv6 network, is common to both. */
function sharesNetwork(mine: NetworkSummary, theirs: NetworkSummary): boolean {
  const ours = new Set(mine.publicAddresses.map(sourceOf))
  return theirs.publicAddresses.some(address => ours.has(sourceOf(address)))
}
