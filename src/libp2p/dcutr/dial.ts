import type { TransportManagerDialOptions } from '@libp2p/interface-internal'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { PunchTechnique, Reason } from '../../traversal/attempt.ts'
import { mostTelling, simultaneousRole } from '../../traversal/upgrade.ts'
import type { AddressCandidate } from '../candidate.ts'
import type { PunchDialOptions } from '../punchable.ts'
import { type Context, TIMES } from './context.ts'
import { dialReason, errorText } from './reason.ts'
import type { Session } from './session.ts'

export interface Dialled {
  readonly technique: PunchTechnique
  readonly reason: Reason
  /** For people: each address and what came of it. */
  readonly detail: string
}

export type DialKind = 'punch' | 'reverse'

/**
 * Dials all addresses at once, past the dial queue (which would merge these dials with others to the same peer, and
 * return the relayed connection). Each connection that comes up is offered to the session. Ends when all have ended.
 */
export async function dialAll(
  context: Context,
  session: Session,
  candidates: readonly AddressCandidate[],
  kind: DialKind,
  signal: AbortSignal
): Promise<Dialled[]> {
  return await Promise.all(candidates.map(candidate => dialOne(context, session, candidate, kind, signal)))
}

/** What several dials came to, in one reason and one line. */
export function summaryOf(results: readonly Dialled[]): { readonly reason: Reason; readonly detail: string } {
  return {
    reason: mostTelling(results.map(({ reason }) => reason)),
    detail: results.map(({ detail }) => detail).join('; ')
  }
}

async function dialOne(
  context: Context,
  session: Session,
  candidate: AddressCandidate,
  kind: DialKind,
  signal: AbortSignal
): Promise<Dialled> {
  const where = candidate.multiaddr.toString()
  const { simultaneous, technique } = candidate.puncher
  const key = `${technique} ${candidate.address}`
  if (!context.dials.take(key, context.clock.now())) {
    return {
      technique,
      reason: 'no-answer',
      detail: `${where}: left alone, that host was dialled often and never answered`
    }
  }
  let met = false
  try {
    const connection = await withDeadline(context.clock, TIMES.windowMs, 'a dial', signal, limit => {
      const options: TransportManagerDialOptions & PunchDialOptions = {
        signal: limit,
        punch: kind === 'punch',
        role: kind === 'punch' ? simultaneousRole(session.side, session.clashes) : 'client',
        onMet: () => {
          met = true
        }
      }
      const address = candidate.multiaddr.encapsulate(`/p2p/${session.peer}`)
      return context.components.transportManager.dial(address, options)
    })
    if (!connection.remotePeer.equals(session.peer)) {
      connection.abort(new NatError('WRONG_PEER', `${connection.remotePeer} answered at ${where}`))
      return { technique, reason: 'wrong-peer', detail: `${where}: ${connection.remotePeer} answered` }
    }
    context.dials.restore(key)
    if (kind === 'reverse') session.reversed(connection)
    const proven = await session.offer(connection)
    return proven
      ? { technique, reason: 'connected', detail: where }
      : { technique, reason: 'unproven', detail: `${where}: no bytes came back` }
  } catch (error) {
    const clash = met && simultaneous && kind === 'punch' && session.winner == null
    if (clash) session.clashes++
    return { technique, reason: clash ? 'role-clash' : dialReason(error), detail: `${where}: ${errorText(error)}` }
  }
}
