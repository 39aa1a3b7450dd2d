import type { HubAnswer } from '../libp2p/rendezvous/api.ts'
import { RECORD_LIFETIME } from '../wire/record.ts'

/** What to do about an answer to a REGISTER. Pure. */
export type Verdict =
  | { readonly what: 'kept'; readonly lifetimeSeconds: number }
  | { readonly what: 'newer'; readonly envelope: Uint8Array | undefined }
  | TryAgain

export interface TryAgain {
  readonly what: 'again'
  /** Whether it may pass by itself, or somebody has to see to it. */
  readonly pace: 'soon' | 'rarely'
  /** Whether the same record would not do. */
  readonly anew: boolean
  /** For people. */
  readonly detail: string
}

export function verdictOn(answer: HubAnswer): Verdict {
  if (answer.outcome !== 'answered') {
    const { outcome, detail } = answer
    const isLasting = outcome === 'unsupported' || outcome === 'garbage'
    return {
      what: 'again',
      pace: isLasting ? 'rarely' : 'soon',
      anew: false,
      detail: `${SILENCES[outcome]}: ${detail}`
    }
  }
  const { status, envelope, detail, lifetimeSeconds = RECORD_LIFETIME.usual } = answer
  const told = detail == null ? '' : `: ${detail}`
  switch (status) {
    case 'OK': {
      // a hub has nothing to gain by less than the least, and a record that is never renewed is lost
      const { min, max } = RECORD_LIFETIME
      return { what: 'kept', lifetimeSeconds: Math.min(max, Math.max(min, lifetimeSeconds)) }
    }
    case 'STALE':
      return { what: 'newer', envelope }
    case 'LIMIT':
      return { what: 'again', pace: 'soon', anew: false, detail: `it has had too much${told}` }
    case 'UNAVAILABLE':
      return { what: 'again', pace: 'soon', anew: false, detail: `its store does not answer${told}` }
    case 'BAD_CLOCK':
      // the record has the time in it, and the clock may be set right meanwhile
      return {
        what: 'again',
        pace: 'rarely',
        anew: true,
        detail: `the clock here is more than a day from the hub's${told}`
      }
    case 'FORBIDDEN':
      return { what: 'again', pace: 'rarely', anew: false, detail: `it does not let us${told}` }
    case 'BAD_RECORD':
    case 'NOT_FOUND':
      return { what: 'again', pace: 'rarely', anew: false, detail: `it does not take the record (${status})${told}` }
    default:
      return status satisfies never
  }
}

const SILENCES = {
  unsupported: 'it keeps no records',
  silent: 'it does not answer',
  refused: 'it has hung up',
  garbage: 'it says what cannot be read'
} as const
