import type { NetworkSummary } from '../../wire/summary.ts'
import { meetings } from '../sides.ts'
import type { Fit, Technique } from '../technique.ts'
import { tryPairs } from './pairs.ts'

/** Sends to an address of theirs at which everybody gets in: a public one, or one that a router has mapped. */
export const direct: Technique = {
  name: 'direct',
  cost: 4,
  // nothing waits for it: where UDP gets through a punch goes beside it, and that is waited for
  typicalMs: 0,
  sides: 'one',
  fits: (mine, theirs) => dials(mine, theirs) ?? { fits: false, why: 'peer-not-public' },
  attempt: tryPairs
}

/** Whether one may be dialled by the other, by whatever transport both have in one family; undefined when not. */
export function dials(from: NetworkSummary | undefined, to: NetworkSummary | undefined): Fit | undefined {
  const open = (['udp', 'tcp'] as const)
    .flatMap(transport => meetings(transport, from, to))
    // who is behind the same NAT is found by its local addresses, or by a punch
    .filter(({ mine, theirs, hairpin }) => mine.passes && theirs.passes && hairpin !== false)
    .map(({ theirs }) => theirs.open)
  if (open.includes(true)) return { fits: true, why: 'they-are-public' }
  return open.includes(null) ? { fits: true, why: 'not-known' } : undefined
}
