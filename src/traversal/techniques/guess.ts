import type { NetworkSummary } from '../../wire/summary.ts'
import type { Reason } from '../attempt.ts'
import { punchable } from '../punchable.ts'
import { meetings } from '../sides.ts'
import { portsOf } from './networks.ts'

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
  // with several ways out nobody knows which one a peer will see
  const ports = [mine, theirs].map(side => (side.uplinks > 1 ? undefined : portsOf(side)))
  if (ports.includes(undefined)) return 'not-known'
  const random = ports.filter(each => each === 'random').length
  if (random === 0) return 'ports-in-sequence'
  if (random === 2) return 'both-random'
  // who has a new port for each one that it tries needs all that the other side opens for each
  return ports.includes('per-port') ? 'random-and-varying' : 'one-side-random'
}
