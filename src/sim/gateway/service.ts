import type { Lease, Leases } from './leases.ts'
import type { GatewayFaults } from './options.ts'

/** What the servers of the three protocols have in common. */
export interface Service {
  readonly leases: Leases
  readonly faults: GatewayFaults
  /** Since it lost what it knew, as it tells it. */
  readonly epochSeconds: number
  /** As it tells it. */
  readonly externalAddress: string
  /** How long a mapping lives that was asked for so long. */
  readonly lifetimeMs: (askedSeconds: number) => number
  /** What the client is told of that. */
  readonly toldSeconds: (lease: Lease) => number
  /** What the client is told of an address outside. */
  readonly toldAddress: (address: string) => string
}
