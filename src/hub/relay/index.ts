import { type Clock, realClock } from '../../core/clock.ts'
import type { Events } from '../../core/events.ts'
import type { Access } from '../access/access.ts'
import { accessOf } from '../access/index.ts'
import { limitsOf, type RelayLimits } from './limits.ts'
import type { ReservationEvents } from './reservation-events.ts'
import { type RelayComponents, RelayService } from './service.ts'

export interface RelayOptions {
  /** @default RELAY_LIMITS */
  readonly limits?: Partial<RelayLimits>
  /** Who may use it. @default everybody */
  readonly access?: Access
  /** @default the machine's */
  readonly clock?: Clock
  /** Told when reservations are granted, and when they end. @default nobody is told */
  readonly events?: Events<ReservationEvents>
}

/** Circuit relay v2 for relays, as a service of js-libp2p, in place of `circuitRelayServer()`. @throws NatError BAD_OPTION */
export function relayService({
  limits,
  access = accessOf(),
  clock = realClock,
  events
}: RelayOptions = {}): (components: RelayComponents) => RelayService {
  const init = { limits: limitsOf(limits), access, clock, ...(events == null ? {} : { events }) }
  return components => new RelayService(components, init)
}

export { limitsOf, RELAY_LIMITS, type RelayLimits } from './limits.ts'
export type { ReservationEvents } from './reservation-events.ts'
