import type { NetworkSummary } from '../../wire/summary.ts'
import type { Reason } from '../attempt.ts'
import { punchable } from '../punchable.ts'
import { meetings, type Side } from '../sides.ts'

/** A side's public port towards the other one: `fixed`: one for all; `sequential`: the next ones can be told; `random`: any. */
type Ports = 'fixed' | 'sequential' | 'random'

/**
 * What there is to guess where a punch does not work for certain because ports vary: `ports-in-sequence`, `one-side-random`, or why nobody needs to guess,
 * or cannot. It says the same on both sides. Guessing is dear, so whatever is not known of a network stands against it; but for filters: without one
 * the punch gets through before.
 *
 * Over IPv4 only: networks that translate IPv6 keep its ports (RFC 6296).
 */
export function guess(mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined): Reason {
  if (mine == null || theirs == null) return 'not-known'
  const punch = punchable('udp', mine, theirs)
  if (punch.works === true) return punch.why
  const [meeting] = meetings('udp', mine, theirs)
  if (meeting?.mine.passes !== true || !meeting.theirs.passes) return 'no-udp'
  if (meeting.hairpin !== 'not-needed') return 'same-nat'
  const ports = [portsOf(meeting.mine), portsOf(meeting.theirs)]
  if (ports.includes(undefined)) return 'not-known'
  const random = ports.filter(each => each === 'random').length
  if (random === 0) return 'ports-in-sequence'
  if (random === 2) return 'both-random'
  return ports.includes('fixed') ? 'one-side-random' : 'random-and-varying'
}

function portsOf({ mapping, allocation }: Side): Ports | undefined {
  if (mapping == null) return undefined
  if (mapping === 'endpoint-independent') return 'fixed'
  // who keeps the private port, and has another one for each peer, does both only now and then
  return allocation === 'preserving' ? undefined : (allocation ?? undefined)
}
