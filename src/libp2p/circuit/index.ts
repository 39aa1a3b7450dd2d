import { realClock } from '../../core/clock.ts'
import { Events } from '../../core/events.ts'
import { secureRandom } from '../../core/random.ts'
import type { CircuitComponents } from './context.ts'
import type { ReservationEvents } from './relays.ts'
import { type CircuitOptions, CircuitTransport } from './transport.ts'

/**
 * Circuit relay v2 for peers, as a transport of js-libp2p, in place of `circuitRelayTransport()`: a dial spends two
 * relayed round trips to the first byte, and a reservation lasts over restarts of its relay. Listen on
 * `…/p2p/RELAY/p2p-circuit`.
 * https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
 */
export function circuitRelay(options: CircuitOptions = {}): (components: CircuitComponents) => CircuitTransport {
  const { clock = realClock, random = secureRandom, events = new Events<ReservationEvents>(), links } = options
  const { tokenFor = () => undefined } = options
  const init = { clock, random, events, tokenFor, ...(links == null ? {} : { links }) }
  return components => new CircuitTransport(components, init)
}

export type { Reservation, ReservationEvents } from './relays.ts'
export type { CircuitOptions } from './transport.ts'
