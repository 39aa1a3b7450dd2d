import { fitOf, punchable } from '../punchable.ts'
import type { Technique } from '../technique.ts'
import { tryPairs } from './pairs.ts'

/** Both sides send to each other's addresses at the same time, so that each NAT takes what comes for an answer. */
export const punchQuic: Technique = {
  name: 'punch-quic',
  cost: 16,
  // the first round of checks has been sent and answered by then, or it will not be
  typicalMs: 1_000,
  // the checks leave with the offers, from both sides: nobody has to be asked
  sides: 'one',
  fits: (mine, theirs) => fitOf(punchable('udp', mine, theirs)),
  attempt: tryPairs
}
