import { type Clock, realClock } from '../../core/clock.ts'
import { type Random, secureRandom } from '../../core/random.ts'
import type { Transports } from './dialer.ts'
import { AutonatServer, type AutonatServerComponents } from './service.ts'

export interface AutonatServerOptions {
  /** The transports to dial back with; they are made once more, for sockets of their own. */
  readonly transports: () => Transports
  /** Our own literal IP addresses to dial from: one that is reached from all of them is public. @default the system's choice */
  readonly hosts?: readonly string[]
  /** Dials private and loopback addresses too: for tests on one machine. @default false */
  readonly allowPrivate?: boolean
  /** @default the machine's */
  readonly clock?: Clock
  /** @default secureRandom */
  readonly random?: Random
}

/**
 * AutoNAT v2's server as a service of js-libp2p, in place of `autoNATv2()`: it dials the first address that it can, from a
 * fresh port and under another identity, so that no hole that the peer has towards us makes it look public.
 */
export function autonatServer({
  transports,
  hosts = [],
  allowPrivate = false,
  clock = realClock,
  random = secureRandom
}: AutonatServerOptions): (components: AutonatServerComponents) => AutonatServer {
  return components => new AutonatServer(components, { transports, hosts, allowPrivate, clock, random })
}
