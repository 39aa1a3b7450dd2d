import { fitOf, punchable } from '../punchable.ts'
import type { Technique } from '../technique.ts'

/** Both sides open a TCP connection to each other at the same moment (simultaneous open, RFC 9293 section 3.5). */
export const punchTcp: Technique = {
  name: 'punch-tcp',
  cost: 40,
  // a round trip by the relay to agree, one for the SYNs, and a SYN lost or reset
  typicalMs: 1_000,
  sides: 'both',
  fits: (mine, theirs) => fitOf(punchable('tcp', mine, theirs)),
  attempt: context => (context.on === 'link' ? context.punchTcp() : context.upgrade())
}
