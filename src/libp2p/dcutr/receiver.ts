import type { Stream } from '@libp2p/interface'
import { CODE_P2P } from '@multiformats/multiaddr'
import { sleep } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { filterCandidates } from '../../traversal/candidates.ts'
import { punchRole, skipReason, UPGRADE } from '../../traversal/upgrade.ts'
import { type AddressCandidate, candidatesOf } from '../candidate.ts'
import { Channel } from './channel.ts'
import { type Context, ownAddresses, punchersOf, rulesOf, TIMES } from './context.ts'
import { countsOf } from './initiator.ts'
import { type NoRound, noRound, type Outcome, punch, recordNoRound, skipped } from './round.ts'
import type { Session } from './session.ts'

/**
 * The side that made the relayed connection (the specification's A): it answers each round, and dials. Returns when the
 * session has ended, or has changed sides.
 */
export async function receive(context: Context, session: Session): Promise<void> {
  const startMs = context.clock.now()
  for (let round = 1; round <= UPGRADE.rounds && !session.signal.aborted; round++) {
    const stream = await nextStream(context, session)
    if (stream == null) break
    const outcome = await runRound(context, session, stream, round)
    session.endRound()
    if (outcome === 'over') break
  }
  if (session.side !== 'receiver') return
  if (session.winner == null) await session.proving()
  const ms = context.clock.now() - startMs
  const { winner, attempts, cutShort } = session
  if (winner?.technique === 'reverse') {
    session.record('reverse', 'ok', 'connected', ms, winner.connection.remoteAddr.toString())
  } else if (attempts.length === 0) {
    if (winner != null) recordNoRound(context, session, skipped('already-direct'), 0)
    else
      recordNoRound(
        context,
        session,
        { outcome: 'failed', reason: cutShort ?? 'silent', detail: 'no exchange was begun' },
        ms
      )
  }
  session.conclude()
  session.finish()
}

async function nextStream(context: Context, session: Session): Promise<Stream | undefined> {
  try {
    return await withDeadline(context.clock, TIMES.idleMs, 'DCUtR', session.signal, () => session.nextStream())
  } catch {
    return undefined
  }
}

async function runRound(context: Context, session: Session, stream: Stream, round: number): Promise<Outcome> {
  const startMs = context.clock.now()
  const signal = session.beginRound()
  const theirs = await agree(context, session, stream, signal)
  if ('reason' in theirs) {
    recordNoRound(context, session, theirs, context.clock.now() - startMs)
    return 'over'
  }
  return punch(context, session, {
    role: punchRole('receiver', round),
    name: `round ${round}`,
    theirs,
    startMs,
    signal
  })
}

async function agree(
  context: Context,
  session: Session,
  stream: Stream,
  signal: AbortSignal
): Promise<readonly AddressCandidate[] | NoRound> {
  session.exchange = stream
  const punchers = punchersOf(context)
  const refuse = (none: NoRound) => {
    stream.abort(new Error(none.reason))
    return none
  }
  try {
    return await withDeadline(context.clock, TIMES.exchangeMs, 'DCUtR', signal, async limit => {
      const channel = new Channel(stream)
      const offer = await channel.read('CONNECT', limit)
      const { observedAddresses } = offer
      const own = await ownAddresses(context, limit)
      const { usable, dropped } = filterCandidates(candidatesOf(observedAddresses, punchers), rulesOf(context, own))
      const pointless = skipReason({
        direct: false,
        punchableTransports: punchers.length,
        own: own.length,
        theirs: usable.length
      })
      if (pointless === 'no-own-address') {
        // so that the other side knows why
        channel.send({ type: 'CONNECT', observedAddresses: [] })
        void stream.close().catch(() => {})
        return skipped(pointless)
      }
      if (pointless != null)
        return refuse(skipped(pointless, pointless === 'no-peer-address' ? countsOf(dropped) : undefined))
      const answer = { type: 'CONNECT', observedAddresses: own.map(({ multiaddr }) => multiaddr.bytes) } as const
      const { rtt } = session.relayed
      if (offer.prompt === true && rtt != null && !announces(context, own)) {
        channel.send({ ...answer, prompt: true })
        await sleep(context.clock, rtt / 2, limit)
      } else {
        channel.send(answer)
        await channel.read('SYNC', limit)
      }
      void stream.close().catch(() => {})
      return usable
    })
  } catch (error) {
    const none = noRound(error, session, stream)
    stream.abort(error as Error)
    return none
  }
}

/**
 * Whether we announce one of these addresses as one that anybody can dial: then a SYNC leaves the other side, which identify
 * tells, the time to do so, and that is sure to work.
 */
function announces({ components }: Context, own: readonly AddressCandidate[]): boolean {
  const announced = new Set(components.addressManager.getAddresses().map(each => `${each.decapsulateCode(CODE_P2P)}`))
  return own.some(({ multiaddr }) => announced.has(multiaddr.toString()))
}
