import { type Clock, realClock } from '../../core/clock.ts'
import { RELAY_LIMITS, type RelayLimits } from './limits.ts'
import { type RelayComponents, RelayService } from './service.ts'

export interface RelayOptions {
  /** @default RELAY_LIMITS */
  readonly limits?: Partial<RelayLimits>
  /** @default the machine's */
  readonly clock?: Clock
}

/** Circuit relay v2 for relays, as a service of js-libp2p, in place of `circuitRelayServer()`. */
export function relayService({
  limits,
  clock = realClock
}: RelayOptions = {}): (components: RelayComponents) => RelayService {
  return components => new RelayService(components, { ...RELAY_LIMITS, ...limits }, clock)
}

export { RELAY_LIMITS, type RelayLimits } from './limits.ts'
