import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { scoped, withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import { lastPeer } from '../circuit/address.ts'
import type { LinksContext } from './context.ts'
import { helloFrame } from './hello.ts'
import { checkAttach, makeAttach } from './offer.ts'
import { openPipe } from './outbound.ts'
import type { LinkSession } from './session.ts'

/** Connecting to a relay, and a relayed round trip. The agent asks again. */
const ATTACH_MS = 8_000

export type ConnectToRelay = (relay: Multiaddr, signal: AbortSignal) => Promise<Connection>

/** `forgotten`: the other side is there, and hangs up as who knows no such link does. */
export type Attached = 'attached' | 'forgotten' | 'no-relay'

const FORGOTTEN = new NatError('LINK_CLOSED', 'the other side knows no such link')

/**
 * Takes a link to a further relay: the first that brings us to the other side, those first that the link is not at yet.
 *
 * @throws NatError what the first relay failed with; the signal's reason
 */
export async function attachRelay(
  context: LinksContext,
  session: LinkSession,
  connectTo: ConnectToRelay,
  signal: AbortSignal
): Promise<Attached> {
  const { keys } = session
  const known = byPeer(context.relays(session.peer))
  const fresh = new Map([...known].filter(([peer]) => !session.relays.includes(peer)))
  const relays = fresh.size > 0 ? fresh : known
  if (keys == null || relays.size === 0) return 'no-relay'
  const over = new AbortController()
  const tries = [...relays].map(async ([, addresses]) => {
    const attempt = async (limit: AbortSignal) => {
      const relay = await Promise.any(addresses.map(address => connectTo(address, limit)))
      const number = ++session.attached.mine
      const hello = helloFrame({ type: 'ATTACH', attach: makeAttach(keys, number) })
      const opened = await openPipe(context, relay, session.peer, hello, { signal: limit })
      try {
        const theirs = await opened.hello
        if (theirs.type !== 'ATTACH' || !checkAttach(keys, theirs.attach, session.attached.theirs)) {
          throw new NatError('MALFORMED', 'the other side did not attach a pipe to this link')
        }
        session.attached.theirs = theirs.attach.number
        limit.throwIfAborted()
        return opened
      } catch (error) {
        opened.pipe.close()
        throw opened.joined() && error instanceof NatError && error.code === 'UNSUPPORTED' ? FORGOTTEN : error
      }
    }
    const bounded = AbortSignal.any([signal, over.signal])
    return await scoped(bounded, own => withDeadline(context.clock, ATTACH_MS, 'a further relay', own, attempt))
  })
  try {
    const { pipe, rttMs } = await Promise.any(tries)
    // two may have come through in the same moment
    for (const each of tries)
      each.then(
        other => other.pipe !== pipe && other.pipe.close(),
        () => {}
      )
    session.addPipe(pipe, rttMs())
    return 'attached'
  } catch (error) {
    signal.throwIfAborted()
    const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
    if (errors.includes(FORGOTTEN)) return 'forgotten'
    throw errors[0]
  } finally {
    over.abort(new NatError('LINK_CLOSED', 'another relay was faster'))
  }
}

/** The addresses of each relay. */
function byPeer(addresses: readonly Multiaddr[]): Map<string, Multiaddr[]> {
  const relays = new Map<string, Multiaddr[]>()
  for (const address of addresses) {
    const peer = lastPeer(address)?.toString()
    if (peer != null) relays.set(peer, [...(relays.get(peer) ?? []), address])
  }
  return relays
}
