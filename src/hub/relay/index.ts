import { type Clock, realClock } from '../../core/clock.ts'
import type { Events } from '../../core/events.ts'
import { RELAY_LIMITS, type RelayLimits } from './limits.ts'
import type { ReservationEvents } from './reservation-events.ts'
import { type RelayComponents, RelayService } from './service.ts'

export interface RelayOptions {
  /** @default RELAY_LIMITS */
  readonly limits?: Partial<RelayLimits>
  /** @default the machine's */
  readonly clock?: Clock
  /** Told when reservations are granted, and when they end. @default nobody is told */
  readonly events?: Events<ReservationEvents>
}

/** Circuit relay v2 for relays, as a service of js-libp2p, in place of `circuitRelayServer()`. */
export function relayService({
  limits,
  clock = realClock,
  events
}: RelayOptions = {}): (components: RelayComponents) => RelayService {
  return components => new RelayService(components, { ...RELAY_LIMITS, ...limits }, clock, events)
}

export { RELAY_LIMITS, type RelayLimits } from './limits.ts'
export type { ReservationEvents } from './reservation-events.ts'
