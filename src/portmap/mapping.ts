import type { Endpoint } from '../core/machine.ts'
import type { Refusal } from './reason.ts'

/** How a router was asked. */
export type MappingProtocol = 'pcp' | 'nat-pmp' | 'upnp'

/** What is to be reached from outside: a port of this machine. */
export interface Wanted {
  readonly protocol: 'udp' | 'tcp'
  readonly internalPort: number
}

export interface Ask extends Wanted {
  /** The port that would be best; the router may give another one. */
  readonly externalPort: number
  readonly lifetimeSeconds: number
}

/** A mapping that a router says it has made. */
export interface Grant {
  readonly by: MappingProtocol
  /** The address of ours that it leads to. */
  readonly internal: Endpoint
  /** Of an IPv6 pinhole the same as `internal`. */
  readonly external: Endpoint
  /** As the router says; null: for good, or until it restarts. */
  readonly lifetimeSeconds: number | null
}

export type Outcome = { readonly granted: Grant } | { readonly refused: Refusal }

/** One router by one protocol. */
export interface MappingClient {
  /**
   * Makes a mapping, or renews the one that there is for this port. Never throws but for the signal.
   *
   * @param held  what this client granted before and is to be renewed
   * @throws the signal's reason
   */
  map(ask: Ask, held: Grant | undefined, signal: AbortSignal): Promise<Outcome>
  /** Deletes it, as far as that can be done until the signal aborts; then it ends by itself. */
  unmap(wanted: Wanted, held: Grant | undefined, signal: AbortSignal): Promise<void>
}
