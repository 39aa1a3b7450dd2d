import type { Connection, Stream } from '@libp2p/interface'
import { sleep } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { filterCandidates } from '../../traversal/candidates.ts'
import { headStartMs, punchRole, skipReason, UPGRADE } from '../../traversal/upgrade.ts'
import { DCUTR_PROTOCOL } from '../../wire/dcutr.ts'
import { type AddressCandidate, candidatesOf } from '../candidate.ts'
import { Channel } from './channel.ts'
import { type Context, ownAddresses, punchersOf, rulesOf, TIMES } from './context.ts'
import { Reversal } from './reversal.ts'
import { type NoRound, noRound, type Outcome, punch, recordNoRound, skipped } from './round.ts'
import type { Session } from './session.ts'

/**
 * The side to which the relayed connection is inbound (the specification's B): it begins each round. Rounds follow each
 * other when a punch met nobody; an exchange that failed would fail again. Returns when the session has ended, or has
 * changed sides.
 */
export async function initiate(context: Context, session: Session): Promise<void> {
  const reversal = new Reversal(context, session)
  for (let round = 1; round <= UPGRADE.rounds && !session.signal.aborted; round++) {
    const outcome = await runRound(context, session, reversal, round)
    session.endRound()
    if (outcome === 'over') break
  }
  if (session.side === 'initiator' && !session.signal.aborted) await reversal.lastHope()
  reversal.close()
  if (session.side !== 'initiator') return
  if (session.winner == null) await session.proving()
  session.conclude()
  await reversal.finish()
  session.finish()
}

async function runRound(context: Context, session: Session, reversal: Reversal, round: number): Promise<Outcome> {
  const startMs = context.clock.now()
  const signal = session.beginRound()
  const theirs = await agree(context, session, reversal, signal)
  if ('reason' in theirs) {
    const swapped =
      session.side !== 'initiator' || (theirs.reason === 'refused' && session.giveWay(connectionsOf(context, session)))
    if (!swapped)
      recordNoRound(context, session, await explained(theirs, session, reversal), context.clock.now() - startMs)
    return 'over'
  }
  const name = `round ${round} of ${UPGRADE.rounds}`
  return punch(context, session, { role: punchRole('initiator', round), name, theirs, startMs, signal })
}

/**
 * Whoever does not speak DCUtR refuses the protocol, then takes our CONNECT for the name of another and resets the
 * stream. The reset may overtake the refusal (over QUIC it makes it void), and then only identify tells.
 */
async function explained(none: NoRound, session: Session, reversal: Reversal): Promise<NoRound> {
  if (none.reason !== 'refused') return none
  const protocols = await reversal.protocols()
  if (session.winner != null) return skipped('already-direct')
  return protocols == null || protocols.includes(DCUTR_PROTOCOL) ? none : skipped('unsupported', none.detail)
}

function connectionsOf({ components }: Context, { peer }: Session): Connection[] {
  return components.connectionManager.getConnections(peer)
}

/** The exchange up to the moment when both sides begin. */
async function agree(
  context: Context,
  session: Session,
  reversal: Reversal,
  signal: AbortSignal
): Promise<readonly AddressCandidate[] | NoRound> {
  const punchers = punchersOf(context)
  let stream: Stream | undefined
  try {
    const own = await ownAddresses(context, signal)
    const pointless = skipReason({ direct: false, punchableTransports: punchers.length, own: own.length })
    if (pointless != null) {
      if (pointless === 'no-own-address') await tellNone(session, signal)
      return skipped(pointless)
    }

    const { channel, theirs, rttMs, prompt } = await withDeadline(
      context.clock,
      TIMES.exchangeMs,
      'DCUtR',
      signal,
      async limit => {
        // at once, without waiting for identify: a muxer that negotiates optimistically sends the CONNECT in the same flight
        stream = await session.relayed.newStream(DCUTR_PROTOCOL, { signal: limit, runOnLimitedConnection: true })
        session.exchange = stream
        const channel = new Channel(stream)
        const sentMs = context.clock.now()
        channel.send({
          type: 'CONNECT',
          observedAddresses: own.map(({ multiaddr }) => multiaddr.bytes),
          prompt: true
        })
        const { observedAddresses, prompt = false } = await channel.read('CONNECT', limit)
        const rttMs = context.clock.now() - sentMs
        return {
          channel,
          rttMs,
          prompt,
          theirs: filterCandidates(candidatesOf(observedAddresses, punchers), rulesOf(context, own))
        }
      }
    )
    reversal.theirsAre(theirs.usable)
    if (theirs.usable.length === 0) {
      stream?.abort(new Error('no usable address in the CONNECT'))
      return skipped('no-peer-address', countsOf(theirs.dropped))
    }
    if (prompt) {
      session.stage = 'punch'
      void stream?.close().catch(() => {})
      return theirs.usable
    }
    await reversal.protocols(TIMES.identifyLagMs)
    await reversal.settled(headStartMs(reversal.state, rttMs))
    signal.throwIfAborted()
    channel.send({ type: 'SYNC', observedAddresses: [] })
    void stream?.close().catch(() => {})
    // "a timer for half the RTT": the SYNC is there by then, and both sides begin together. What comes in from now on
    // is the round's, not somebody's own dial
    session.stage = 'punch'
    await sleep(context.clock, rttMs / 2, signal)
    return theirs.usable
  } catch (error) {
    const none = noRound(error, session, stream)
    stream?.abort(error as Error)
    return none
  }
}

/** An empty CONNECT: the other side would wait for one, and then would not know why none came. */
async function tellNone(session: Session, signal: AbortSignal): Promise<void> {
  const stream = await session.relayed.newStream(DCUTR_PROTOCOL, { signal, runOnLimitedConnection: true })
  new Channel(stream).send({ type: 'CONNECT', observedAddresses: [] })
  void stream.close().catch(() => {})
}

/** For people: how many addresses were passed over, and why. */
export function countsOf(dropped: ReadonlyMap<string, number>): string {
  return [...dropped].map(([cause, count]) => `${count} ${cause}`).join(', ') || 'none were sent'
}
