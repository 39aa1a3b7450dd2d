import type { AttemptContext, AttemptResult } from '../technique.ts'

/** What all do that need nothing but checks between the addresses that both sides have told: a foreign peer is asked for them by DCUtR. */
export function tryPairs(context: AttemptContext): Promise<AttemptResult> {
  return context.on === 'link' ? context.checkPairs() : context.upgrade()
}
