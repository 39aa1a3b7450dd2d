import type { PeerId } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import { clean } from '../../core/text.ts'
import type { CircuitStatus } from '../../wire/circuit.ts'

/** What a relay says of its reasons is shown to people: a sentence, not a page. */
const MAX_REASON_CHARS = 200

export interface RelayAnswer {
  readonly status: CircuitStatus | undefined
  /** The relay's own words, as they came. */
  readonly reason: string | undefined
}

/** What a relay's refusal means, and what to do. */
export function refused({ status, reason }: RelayAnswer, relay: PeerId, target?: PeerId): NatError {
  const asked = target == null ? 'a reservation' : `a connection to ${target}`
  const words = clean(reason?.slice(0, MAX_REASON_CHARS) ?? '').trim()
  const hubRefused = (text: string) =>
    new NatError('HUB_REFUSED', text, {
      details: { hub: relay.toString(), status, ...(words === '' ? {} : { reason: words }) }
    })
  switch (status) {
    case 'NO_RESERVATION':
      return new NatError('PEER_OFFLINE', `${target} is not at the hub ${relay}: is it running, with the same hub?`, {
        details: { hub: relay.toString(), status }
      })
    case 'CONNECTION_FAILED':
      return new NatError(
        'PEER_OFFLINE',
        `the hub ${relay} knows ${target}, but did not reach it: it may just have gone, try again in some seconds`
      )
    case 'RESOURCE_LIMIT_EXCEEDED':
    case 'RESERVATION_REFUSED':
      return words === ''
        ? hubRefused(`the hub ${relay} is full and refused ${asked}: try later, or another hub`)
        : hubRefused(`the hub ${relay} refused ${asked}: ${words}; try later, or another hub`)
    case 'PERMISSION_DENIED':
      return hubRefused(`the hub ${relay} does not allow ${asked}${words === '' ? '' : `: ${words}`}`)
    default:
      return hubRefused(`the hub ${relay} refused ${asked}: ${words || (status ?? 'it gave no reason')}`)
  }
}

/** Whether a relay has said that it is not for us: asking again soon changes nothing. */
export function isDenied(error: unknown): boolean {
  return error instanceof NatError && error.details?.['status'] === 'PERMISSION_DENIED'
}
