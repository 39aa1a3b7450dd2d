import type { PeerId } from '@libp2p/interface'
import { NatError } from '../core/errors.ts'
import { latest } from '../traversal/explain/conclusion.ts'
import { type Explanation, explanationOf } from '../traversal/explain.ts'
import { connectError } from './connect-error.ts'
import type { Dials } from './dials.ts'
import { find, type Searching } from './find.ts'
import type { Link } from './link.ts'
import { parsePeer } from './peer.ts'

export interface ConnectOptions {
  readonly signal?: AbortSignal
  /** When to resolve: as soon as any path works, or only on a direct one. @default 'first' */
  readonly until?: 'first' | 'direct'
}

/** What a connect works with. */
export interface Connecting {
  readonly search: Searching
  readonly dials: Dials
  isConnected(peer: PeerId): boolean
  linkTo(peer: PeerId): Link
  /** To a peer of another kind: begins to look for a direct connection, once. A link to one of ours does so by itself. */
  goDirect(link: Link, peer: PeerId): void
  /** What is known of a peer to whom there is no link. */
  explain(peer: string): Explanation
}

const CONNECT_TIMEOUT_MS = 15_000

/**
 * Connects to a peer. Whoever connects to the same one meanwhile shares the dial; each waits by a signal of its own.
 *
 * @throws NatError BAD_ADDRESS, PEER_OFFLINE, HUB_REFUSED, TIMEOUT, STILL_RELAYED
 */
export async function connect(
  node: Connecting,
  given: string,
  { signal, until = 'first' }: ConnectOptions
): Promise<Link> {
  const { search, dials } = node
  const peer = parsePeer(given)
  // there are several ways to write an id
  const id = peer.toString()
  const lookups = () => search.lookedUp.findings(id)
  const limit = AbortSignal.any([AbortSignal.timeout(CONNECT_TIMEOUT_MS), ...(signal == null ? [] : [signal])])
  if (!node.isConnected(peer)) {
    search.otherRelays.delete(id)
    await dials
      .join(id, limit, signal => find(search, peer, signal))
      .catch(error => {
        const told = connectError(id, error, limit, search.lookedUp.unanswered(id))
        throw explained(told, { ...node.explain(id), lookups: lookups() })
      })
    node.linkTo(peer).looked(lookups)
  }
  const link = node.linkTo(peer)
  link.refresh()
  node.goDirect(link, peer)
  if (until === 'direct' && link.path?.kind !== 'direct') {
    await untilDirect(link, limit).catch(error => {
      // a caller that has stopped it knows why; one that has run out of time has a link all the same
      const isLate = signal?.aborted !== true || (signal.reason as Error | undefined)?.name === 'TimeoutError'
      const isSaid = error instanceof NatError
      if (!isSaid && isLate && link.path?.kind === 'relay') throw stillRelayed(link, error)
      throw explained(connectError(id, error, limit), link.explain())
    })
  }
  return link
}

/** @throws NatError STILL_RELAYED when everything has been tried once; the signal's reason */
async function untilDirect(link: Link, signal: AbortSignal): Promise<void> {
  await link.settled(signal)
  link.refresh()
  if (link.path?.kind !== 'direct') throw stillRelayed(link)
}

/** @param cause that the time is up, if something was still under way */
function stillRelayed(link: Link, cause?: unknown): NatError {
  const told = latest(link).filter(({ technique, reason }) => technique !== 'relay' && reason !== 'not-allowed')
  const whys = told.map(({ technique, reason }) => `${technique}: ${reason}`)
  const why = whys.length === 0 ? '' : ` (${whys.join(', ')})`
  const explanation = link.explain()
  return new NatError('STILL_RELAYED', `connected to ${link.peer} over a relay only${why}`, {
    ...(cause == null ? {} : { cause }),
    details: { explanation }
  })
}

/** An error that a connect ends with carries what is known: `explanationIn(error)`. */
function explained(error: NatError, known: Explanation): NatError {
  const { code, message, cause = error, details } = error
  if (details?.['explanation'] != null) return error
  const explanation = explanationOf({ ...known, error: { code, message } })
  return new NatError(code, message, { cause, details: { ...details, explanation } })
}
