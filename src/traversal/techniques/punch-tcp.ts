import { sleep } from '../../core/clock.ts'
import { fitOf, punchable } from '../punchable.ts'
import type { AttemptContext, AttemptResult, LinkAttempt, Technique } from '../technique.ts'

/** Who has accepted the connection is told by both ends first, and then the path is checked: two round trips, on a busy machine. */
const PATH_MS = 3_000

/** Both sides open a TCP connection to each other at the same moment (simultaneous open, RFC 9293 section 3.5). */
export const punchTcp: Technique = {
  name: 'punch-tcp',
  cost: 40,
  // a round trip by the relay to agree, one for the SYNs, and a SYN lost or reset
  typicalMs: 1_000,
  sides: 'both',
  fits: (mine, theirs) => fitOf(punchable('tcp', mine, theirs)),
  attempt
}

function attempt(context: AttemptContext): Promise<AttemptResult> {
  return context.on === 'link' ? punch(context) : context.upgrade()
}

/** A connection is no path yet. */
async function punch(context: LinkAttempt): Promise<AttemptResult> {
  const result = await context.punchTcp()
  if (result.outcome !== 'ok') return result
  const late = sleep(context.clock, PATH_MS, context.signal).then(
    () => true,
    () => false
  )
  const isLate = await Promise.race([late, context.found.then(() => false)])
  return isLate ? { outcome: 'failed', reason: 'unproven', detail: result.detail ?? '' } : result
}
