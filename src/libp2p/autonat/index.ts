import { realClock } from '../../core/clock.ts'
import { secureRandom } from '../../core/random.ts'
import type { Autonat, AutonatSettings } from './api.ts'
import { AutonatClient, type AutonatComponents } from './service.ts'

/**
 * AutoNAT v2's client as a service of js-libp2p, in place of `autoNATv2()`, which asks until servers of four networks agree:
 * with one or two hubs, never. This one confirms an address that one server has reached, so that identify announces
 * it, and withdraws one that a server has not. Verdicts are renewed every hour, and when our addresses change.
 */
export function autonat(options: Partial<AutonatSettings> = {}): (components: AutonatComponents) => Autonat {
  return components =>
    new AutonatClient(components, { allowPrivate: false, clock: realClock, random: secureRandom, ...options })
}

export type { AddressSource, Autonat, AutonatEvents, AutonatSettings, NetworkReachability } from './api.ts'
export type { Reachability, Verdict } from './checks.ts'
