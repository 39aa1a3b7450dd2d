import type { PeerId } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Clock, sleep } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import { NatError } from '../core/errors.ts'
import { Race } from '../libp2p/circuit/race.ts'
import type { KnownPeer } from '../libp2p/peer-record.ts'
import type { Rendezvous } from '../libp2p/rendezvous/api.ts'
import type { LookedUp } from './looked-up.ts'
import { Lookup } from './lookup.ts'
import { isThere, notFound, telling } from './not-found.ts'
import type { OtherRelays } from './other-relays.ts'
import { type Own, waysTo } from './record-addresses.ts'
import { Unanswered } from './unanswered.ts'

/** What a search works with. */
export interface Searching {
  readonly transportManager: Pick<TransportManager, 'dial'>
  readonly hubs: readonly Multiaddr[]
  readonly rendezvous: Pick<Rendezvous, 'hubs' | 'query' | 'call'>
  readonly lookedUp: LookedUp
  readonly otherRelays: OtherRelays
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  own(): Own
  /** Our own record, for a call. */
  ownRecord(): Promise<Uint8Array>
  /** Resolves when there is a connection to that peer, whoever made it. @throws the signal's reason */
  connected(peer: PeerId, signal: AbortSignal): Promise<void>
}

/**
 * A peer that has a hub in common with us is joined to us by then, and mostly direct: to ask meanwhile costs this machine some 15 ms in the middle of it. Where a hub
 * does not have the peer, which takes a round trip to hear, all are asked at once.
 */
const ASK_AFTER_MS = 500
/** Relays that live and are far away have joined two peers by then. One that is gone keeps silent, over UDP for ten seconds. */
const PATIENCE_MS = 2_000
/** A peer that is called asks its hubs for us and dials: a round trip, and what a connect takes. */
const CALL_MS = 5_000

/**
 * Connects to a peer, wherever it is: by our own hubs at once, while all of them are asked for its record; by the relays that the record names; by its
 * direct addresses; and if a relay does not let us, by having the peer dial us.
 *
 * @throws NatError PEER_OFFLINE, HUB_REFUSED, NO_HUB and what else a dial fails with, when there is nothing left to try; the signal's reason
 */
export async function find(node: Searching, peer: PeerId, signal: AbortSignal): Promise<void> {
  const { clock, wallMs, rendezvous, lookedUp, transportManager, otherRelays } = node
  const { hubs, query } = rendezvous
  const lookup = new Lookup(peer, {
    hubs,
    query: (...args) => query.apply(rendezvous, args),
    memory: lookedUp,
    clock,
    wallMs
  })
  const looking = new AbortController()
  /** A dial has failed. */
  const refused = new AbortController()
  const errors: unknown[] = []
  const unanswered = new Unanswered(relays => lookedUp.waitFor(peer.toString(), relays))
  const tried = new Set<string>()
  const untried = (addresses: readonly Multiaddr[]) => {
    const all = addresses.filter(each => !tried.has(each.toString()))
    for (const each of all) tried.add(each.toString())
    return all
  }
  // a link that begins on a relay goes direct by itself, and outlives each path: to dial an address comes last
  const goDirect = () => {
    const ways = lookup.newest == null ? undefined : waysTo(lookup.newest, node.own())
    race.add(untried(ways?.direct ?? []))
  }
  const next = () => {
    goDirect()
    if (race.isIdle && lookup.isOver) race.last()
  }
  const race = new Race({
    clock,
    signal,
    dial: async (address, limit) => {
      try {
        return await transportManager.dial(address, { signal: limit })
      } catch (error) {
        errors.push(error)
        unanswered.failed(address, error)
        refused.abort()
        throw error
      }
    },
    onIdle: next
  })
  const onRecord = (record: KnownPeer) => {
    const { relayed } = waysTo(record, node.own())
    otherRelays.note(peer.toString(), relayed)
    unanswered.named(relayed)
    race.add(untried(relayed))
    if (race.isIdle) next()
  }
  race.add(untried(node.hubs.map(hub => hub.encapsulate(`/p2p-circuit/p2p/${peer}`))))
  const racing = new AbortController()
  sleep(clock, PATIENCE_MS, racing.signal).then(goDirect, () => {})
  // it goes on when the peer is there: who has lied is worth knowing
  const looked = sleep(clock, ASK_AFTER_MS, AbortSignal.any([looking.signal, refused.signal]))
    .catch(() => looking.signal.throwIfAborted())
    .then(() => lookup.run(looking.signal, onRecord))
  looked.then(
    () => race.isIdle && next(),
    () => {}
  )
  try {
    await race.winner
  } catch (error) {
    if (!signal.aborted && (await called(node, peer, lookup, errors, signal))) return
    looking.abort(new NatError('LINK_CLOSED', 'the search is over'))
    signal.throwIfAborted()
    const { newest, findings } = lookup
    const silent = lookedUp.unanswered(peer.toString())
    throw notFound({ peer, newest, findings, errors, error, unanswered: silent, own: () => node.own(), signal })
  } finally {
    racing.abort(new NatError('LINK_CLOSED', 'the race is over'))
  }
}

/** Has the peer dial us, where it is but does not let us come. @returns whether it has */
async function called(
  { rendezvous, clock, ownRecord, connected }: Searching,
  peer: PeerId,
  { newest, findings }: Lookup,
  errors: readonly unknown[],
  signal: AbortSignal
): Promise<boolean> {
  const knowing = new Set(findings.filter(({ outcome }) => outcome === 'found').map(({ hub }) => hub))
  if (!isThere(newest) || telling(errors, newest) == null) return false
  const over = new AbortController()
  try {
    return await withDeadline(clock, CALL_MS, `a connection from ${peer}`, signal, async limit => {
      const coming = connected(peer, AbortSignal.any([limit, over.signal]))
      coming.catch(() => {})
      const hubs = rendezvous.hubs.filter(hub => knowing.has(hub.toString()))
      const record = await ownRecord()
      const answers = await Promise.all(hubs.map(hub => rendezvous.call(hub, peer, record, limit)))
      if (!answers.some(answer => answer.outcome === 'answered' && answer.status === 'OK')) return false
      await coming
      return true
    })
  } catch {
    return false
  } finally {
    over.abort(new NatError('LINK_CLOSED', 'nobody waits for it any more'))
  }
}
