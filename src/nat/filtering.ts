import { DEPENDENCES, type FilteringBehaviour } from '../core/behaviour.ts'
import type { UnknownReason } from './report.ts'

/**
 * What became of a request whose answer was to come from elsewhere: it came from there; nothing came; the server says or shows that it
 * does not do that; or it was not asked.
 */
export type ChangeOutcome = 'answered' | 'silent' | 'refused' | 'not-asked'

export interface FilteringEvidence {
  /** Whether the server answered the same socket without a change. */
  readonly plain: boolean
  /** From another address and another port. */
  readonly changeBoth: ChangeOutcome
  /** From the same address and another port. */
  readonly changePort: ChangeOutcome
  /** Whether those other addresses answer when they are asked themselves: only then silence is the filter's. */
  readonly otherAddressAnswers: boolean
  readonly otherPortAnswers: boolean
}

export interface FilteringVerdict {
  readonly filtering: FilteringBehaviour | null
  readonly possible: readonly FilteringBehaviour[]
  readonly why: UnknownReason | null
}

/** Whom a NAT or firewall lets in (RFC 4787 section 5, RFC 5780 section 4.4), asked from a socket that has sent to one server only. */
export function classifyFiltering(evidence: FilteringEvidence): FilteringVerdict {
  const { plain, changeBoth, changePort, otherAddressAnswers, otherPortAnswers } = evidence
  if (!plain) return { filtering: null, possible: [], why: 'no-server' }
  if (changeBoth === 'answered') return known('endpoint-independent')
  const addressMatters = changeBoth === 'silent' && otherAddressAnswers
  if (changePort === 'answered') {
    if (addressMatters) return known('address-dependent')
    return unknown(
      changeBoth === 'silent' ? 'no-change-request' : 'one-address',
      'endpoint-independent',
      'address-dependent'
    )
  }
  // whoever does not let in another port of an address that it was written to lets in nobody else
  if (changePort === 'silent' && otherPortAnswers) return known('address-and-port-dependent')
  if (addressMatters) return unknown('no-change-request', 'address-dependent', 'address-and-port-dependent')
  return unknown('no-change-request', ...DEPENDENCES)
}

function known(filtering: FilteringBehaviour): FilteringVerdict {
  return { filtering, possible: [filtering], why: null }
}

function unknown(why: UnknownReason, ...possible: FilteringBehaviour[]): FilteringVerdict {
  return { filtering: null, possible, why }
}
