import type { PeerId } from '@libp2p/interface'
import { NatError } from '../core/errors.ts'
import { circuitAddress } from '../libp2p/circuit/address.ts'
import type { KnownPeer } from '../libp2p/peer-record.ts'
import { type LookupFinding, lookupTexts } from '../traversal/explain/lookups.ts'
import { connectError } from './connect-error.ts'
import { type Own, waysTo } from './record-addresses.ts'
import { unansweredText } from './unanswered.ts'

export interface Searched {
  readonly peer: PeerId
  /** The record that counts. */
  readonly newest: KnownPeer | undefined
  readonly findings: readonly LookupFinding[]
  /** What the dials failed with, in the order of their ends. */
  readonly errors: readonly unknown[]
  /** What the first of the ways failed with. */
  readonly error: unknown
  /** Relays that the record names, and of which nothing came: an address of each. */
  readonly unanswered: readonly string[]
  readonly own: () => Own
  readonly signal: AbortSignal
}

const BARRED =
  'its record names only addresses that this node may not go to (--allow-private, or `allowPrivate` of createNode)'

/** What a search has come to that has found no way: the cause, and whatever hubs have said that may have to do with it. */
export function notFound(searched: Searched): NatError {
  const { newest, findings, unanswered, own } = searched
  const isBarred = isThere(newest) && leadsNowhere(newest, own())
  const said = causeOf(searched, isBarred)
  const answers = findings.filter(({ outcome }) => outcome !== 'left')
  const ways = isBarred ? [BARRED] : isThere(newest) && unanswered.length > 0 ? [unansweredText(unanswered)] : []
  const told = [...ways, ...lookupTexts(answers, false)]
  return told.length === 0 ? said : new NatError(said.code, `${said.message}; ${told.join('; ')}`, { cause: said })
}

/** That a peer is not at one hub says little when another one has refused us, or when it is somewhere and that hub was not reached. */
export function telling(errors: readonly unknown[], newest: KnownPeer | undefined): NatError | undefined {
  const said = errors.filter(error => error instanceof NatError)
  const refused = said.find(({ code }) => code === 'HUB_REFUSED')
  return refused ?? (isThere(newest) ? said.find(({ code }) => code !== 'PEER_OFFLINE') : undefined)
}

export function isThere(newest: KnownPeer | undefined): newest is KnownPeer {
  return newest?.left === false
}

function causeOf({ peer, newest, errors, error, signal }: Searched, isBarred: boolean): NatError {
  const cause = telling(errors, newest) ?? error
  if (newest?.left === true) {
    return new NatError('PEER_OFFLINE', `${peer} has said goodbye: it was stopped, and not started again`, { cause })
  }
  if (hubWithout(cause) == null) return connectError(peer.toString(), cause, signal)
  const hubs = [...new Set(errors.flatMap(each => hubWithout(each) ?? []))]
  const where = hubs.length > 1 ? `at none of ${hubs.length} hubs (${hubs.join(', ')})` : `not at the hub ${hubs[0]}`
  const question = isBarred ? '' : ': is it running, with the same hub?'
  return new NatError('PEER_OFFLINE', `${peer} is ${where}${question}`, { cause })
}

/** The hub that has said that the peer is not there. */
function hubWithout(error: unknown): string | undefined {
  const { hub, status } = (error instanceof NatError ? error.details : undefined) ?? {}
  return status === 'NO_RESERVATION' && typeof hub === 'string' ? hub : undefined
}

/** All addresses of a record are private ones, or of this machine, and none is by a hub of ours. */
function leadsNowhere(record: KnownPeer, own: Own): boolean {
  const { relayed, direct } = waysTo(record, { ...own, allowPrivate: true, hubs: new Set() })
  if (relayed.length + direct.length === 0) return false
  if (relayed.some(each => own.hubs.has(circuitAddress(each).relay.toString()))) return false
  const open = waysTo(record, own)
  return open.relayed.length + open.direct.length === 0
}
