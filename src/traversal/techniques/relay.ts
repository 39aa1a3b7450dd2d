import type { Technique } from '../technique.ts'

/** What everything else is tried over: it is there before a plan is. */
export const relay: Technique = {
  name: 'relay',
  cost: 0,
  // nothing waits for it
  typicalMs: 0,
  sides: 'one',
  fits: () => ({ fits: true, why: 'fallback' }),
  attempt: async () => ({ outcome: 'ok', reason: 'connected' })
}
