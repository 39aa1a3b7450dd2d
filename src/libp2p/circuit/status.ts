import type { PeerId } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import type { CircuitStatus } from '../../wire/circuit.ts'

/** What a relay's refusal means, and what to do. */
export function refused(status: CircuitStatus | undefined, relay: PeerId, target?: PeerId): NatError {
  const asked = target == null ? 'a reservation' : `a connection to ${target}`
  switch (status) {
    case 'NO_RESERVATION':
      return new NatError('PEER_OFFLINE', `${target} is not at the hub ${relay}: is it running, with the same hub?`)
    case 'CONNECTION_FAILED':
      return new NatError(
        'PEER_OFFLINE',
        `the hub ${relay} knows ${target}, but did not reach it: it may just have gone, try again in some seconds`
      )
    case 'RESOURCE_LIMIT_EXCEEDED':
    case 'RESERVATION_REFUSED':
      return new NatError('HUB_REFUSED', `the hub ${relay} is full and refused ${asked}: try later, or another hub`)
    case 'PERMISSION_DENIED':
      return new NatError('HUB_REFUSED', `the hub ${relay} does not allow ${asked}`)
    default:
      return new NatError('HUB_REFUSED', `the hub ${relay} refused ${asked}: ${status ?? 'it gave no reason'}`)
  }
}
