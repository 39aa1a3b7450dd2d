import type { Technique } from '../technique.ts'
import { dials } from './direct.ts'
import { tryPairs } from './pairs.ts'

/** The other side sends to an address of ours at which everybody gets in: connection reversal. */
export const reverse: Technique = {
  name: 'reverse',
  cost: 4,
  // nothing waits for it: where UDP gets through a punch goes beside it, and that is waited for
  typicalMs: 0,
  sides: 'one',
  fits(mine, theirs) {
    const fit = dials(theirs, mine)
    if (fit == null) return { fits: false, why: 'we-are-not-public' }
    return { fits: true, why: fit.why === 'they-are-public' ? 'we-are-public' : fit.why }
  },
  attempt: tryPairs
}
