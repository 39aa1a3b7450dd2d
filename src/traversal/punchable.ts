import type { SummaryBehaviour } from '../wire/summary.ts'
import type { Reason } from './attempt.ts'
import { type Meeting, meetings, type Side, type SummaryTransport } from './sides.ts'
import type { Fit, Technique } from './technique.ts'

/** Whether two sides that send to each other's addresses at the same time will meet; null: it depends on what is not known. */
export interface Verdict {
  readonly works: boolean | null
  readonly why: Reason
}

type Summary = Parameters<Technique['fits']>[0]

const BEHAVIOURS: readonly SummaryBehaviour[] = [
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent'
]

/** Over both families: one that works will do. */
export function punchable(transport: SummaryTransport, mine: Summary, theirs: Summary): Verdict {
  const both = meetings(transport, mine, theirs)
  const verdicts = both.map(meeting => punch(meeting, transport))
  const best = verdicts.find(({ works }) => works === true) ?? verdicts.find(({ works }) => works == null)
  if (best != null) return best
  const tried = verdicts.find(({ why }) => why !== blocked(transport))
  if (tried != null) return tried
  const each = (side: 'mine' | 'theirs') => both.some(meeting => meeting[side].passes)
  return { works: false, why: each('mine') && each('theirs') ? 'no-common-family' : blocked(transport) }
}

export function fitOf({ works, why }: Verdict): Fit {
  return { fits: works !== false, why }
}

/** What is not known may be anything: only what holds whatever it is, is held to be known. */
export function punch({ mine, theirs, hairpin }: Meeting, transport: SummaryTransport): Verdict {
  if (!mine.passes || !theirs.passes) return { works: false, why: blocked(transport) }
  if (hairpin === false) return { works: false, why: 'no-hairpin' }
  if (hairpin == null) return { works: null, why: 'not-known' }
  if (theirs.open === true) return { works: true, why: 'they-are-public' }
  if (mine.open === true) return { works: true, why: 'we-are-public' }
  const verdicts = possible(mine).flatMap(one => possible(theirs).map(other => whether(one, other)))
  const works = new Set(verdicts.map(verdict => verdict.works))
  const mayDial = mine.open == null || theirs.open == null
  if (works.size > 1 || (mayDial && works.has(false))) return { works: null, why: 'not-known' }
  // the hardest that it may be comes last
  return verdicts.at(-1)!
}

function blocked(transport: SummaryTransport): Reason {
  return transport === 'udp' ? 'no-udp' : 'no-tcp'
}

interface Behaviour {
  readonly mapping: SummaryBehaviour
  readonly filtering: SummaryBehaviour
}

function possible({ mapping, filtering }: Side): readonly Behaviour[] {
  return (mapping == null ? BEHAVIOURS : [mapping]).flatMap(each =>
    (filtering == null ? BEHAVIOURS : [filtering]).map(other => ({ mapping: each, filtering: other }))
  )
}

/**
 * RFC 4787 sections 4.1 and 5. Both send to where a hub has seen the other. A path is a pair of public endpoints that stays the same when
 * packets go both ways between them:
 *
 * - One port for all on both sides: each sends to the right one, and opens its own filter for the other.
 * - One side's port varies: the other side is sent to at its one port, from one that it has not sent to. That gets in where the filter
 *   asks for the host at most; the answer goes to where the packet came from.
 * - Both vary: packets arrive at a port that is not the one for this peer, so somebody's filter has to let in strangers, and the other one's hosts. Answers
 *   come from yet another port. That ends where one of them has the same port for all of a host's.
 *
 * Two things the RFC leaves open: whether an answer leaves by the mapping that a stranger's packet came in by, and whether a filter asks what was sent from
 * this mapping, or from the socket behind it. What depends on these may work.
 */
function whether(mine: Behaviour, theirs: Behaviour): Verdict {
  const [mineVaries, theirsVaries] = [varies(mine), varies(theirs)]
  if (!mineVaries && !theirsVaries) return { works: true, why: 'both-predictable' }
  if (!mineVaries && admitsHosts(mine)) return { works: true, why: 'hosts-get-in' }
  if (!theirsVaries && admitsHosts(theirs)) return { works: true, why: 'they-let-hosts-in' }
  const sides = [mine, theirs]
  const admitsAll = sides.some(side => varies(side) && side.filtering === 'endpoint-independent')
  const settles = mineVaries && theirsVaries && sides.some(({ mapping }) => mapping === 'address-dependent')
  if (settles && sides.every(admitsHosts)) {
    return admitsAll ? { works: true, why: 'hosts-get-in' } : { works: null, why: 'not-known' }
  }
  if (admitsAll) return { works: null, why: 'not-known' }
  return { works: false, why: theirsVaries ? 'their-ports-vary' : 'our-ports-vary' }
}

function varies({ mapping }: Behaviour): boolean {
  return mapping !== 'endpoint-independent'
}

function admitsHosts({ filtering }: Behaviour): boolean {
  return filtering !== 'address-and-port-dependent'
}
