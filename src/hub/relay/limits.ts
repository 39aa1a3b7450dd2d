/** What a hub's relay allows. docs/hub.md has the same table for operators. */
export interface RelayLimits {
  /** Peers that may be reachable here at once; each costs a connection and a few hundred bytes. */
  readonly maxReservations: number
  readonly reservationTtlSeconds: number
  /** Relayed connections at once, in all; each holds two streams and what their windows hold. */
  readonly maxCircuits: number
  /** Relayed connections at once that one peer may have made. */
  readonly maxCircuitsFrom: number
  /** Relayed connections at once to one peer. */
  readonly maxCircuitsTo: number
  /** How long a relayed connection may last, in seconds; 0: no limit. */
  readonly circuitSeconds: number
  /** What a relayed connection may carry each way, in bytes; 0: no limit. */
  readonly circuitBytes: number
}

/**
 * No limit on time or bytes of a relayed connection: the two minutes and 128 KiB that are usual elsewhere surprise every
 * user. The counts keep one peer from using up the hub.
 */
export const RELAY_LIMITS: RelayLimits = {
  maxReservations: 10_000,
  reservationTtlSeconds: 3_600,
  maxCircuits: 20_000,
  maxCircuitsFrom: 256,
  maxCircuitsTo: 1_024,
  circuitSeconds: 0,
  circuitBytes: 0
}
