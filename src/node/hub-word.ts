import type { PeerId } from '@libp2p/interface'
import { NatError } from '../core/errors.ts'
import { type KnownPeer, openPeerRecord } from '../libp2p/peer-record.ts'
import type { HubAnswer } from '../libp2p/rendezvous/api.ts'
import type { LookupOutcome } from '../traversal/explain/lookups.ts'

/** What a hub has answered, looked at by itself; whether a record is old, only those of others tell. */
export interface HubWord {
  readonly outcome: Exclude<LookupOutcome, 'old'>
  readonly detail?: string
  /** With `found` and `left`: verified. */
  readonly record?: KnownPeer
}

/** A hub takes a record whose time is a day from its own, and a peer renews it long before its lifetime is over: beyond both, nobody should hand it out. */
const CLOCKS_APART_SECONDS = 24 * 3_600

/** Looks at an answer, which may be anything. @param nowMs milliseconds since 1970 */
export async function hubWord(answer: HubAnswer, peer: PeerId, nowMs: number): Promise<HubWord> {
  const { detail } = answer
  const told = detail == null ? {} : { detail }
  if (answer.outcome !== 'answered') return { outcome: answer.outcome, ...told }
  switch (answer.status) {
    case 'OK':
      if (answer.envelope == null) return { outcome: 'garbage', detail: 'it said that it has one, and gave none' }
      return await recordWord(answer.envelope, peer, nowMs)
    case 'NOT_FOUND':
      return answer.envelope == null ? { outcome: 'none' } : await goodbyeWord(answer.envelope, peer, nowMs)
    case 'FORBIDDEN':
    case 'LIMIT':
      return { outcome: 'refused', ...told }
    case 'UNAVAILABLE':
      return { outcome: 'unavailable', ...told }
    case 'STALE':
    case 'BAD_RECORD':
    case 'BAD_CLOCK':
      return { outcome: 'garbage', detail: `it answered a question with ${answer.status}` }
    default:
      return answer.status satisfies never
  }
}

/** A hub that has no record may show why: the peer's goodbye. One that shows where the peer is says two things at once. */
async function goodbyeWord(envelope: Uint8Array, peer: PeerId, nowMs: number): Promise<HubWord> {
  const word = await recordWord(envelope, peer, nowMs)
  if (word.outcome !== 'found') return word
  return { outcome: 'garbage', detail: 'it said that it has none, and gave one' }
}

async function recordWord(envelope: Uint8Array, peer: PeerId, nowMs: number): Promise<HubWord> {
  let record: KnownPeer
  try {
    record = await openPeerRecord(envelope, peer)
  } catch (error) {
    return { outcome: untruth(error), detail: (error as Error).message }
  }
  const { issuedAtSeconds, lifetimeSeconds } = record
  const overSeconds = Math.floor(nowMs / 1_000) - issuedAtSeconds - lifetimeSeconds
  if (overSeconds > CLOCKS_APART_SECONDS) {
    return { outcome: 'expired', detail: `it ended ${Math.floor(overSeconds / 3_600)} hours ago, by the clock here` }
  }
  return { outcome: record.left ? 'left' : 'found', record }
}

function untruth(error: unknown): 'forged' | 'wrong-peer' | 'garbage' {
  if (!(error instanceof NatError)) return 'garbage'
  if (error.code === 'WRONG_PEER') return 'wrong-peer'
  return error.details?.['forged'] === true ? 'forged' : 'garbage'
}
