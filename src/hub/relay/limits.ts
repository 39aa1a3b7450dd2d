import { NatError } from '../../core/errors.ts'

/** What a hub's relay allows. docs/hub.md has the same table for operators. */
export interface RelayLimits {
  /** Peers that may be reachable here at once; each costs a connection and a few hundred bytes. */
  readonly maxReservations: number
  /** Of them, those that come from one address: an IPv4 address, or an IPv6 network of 64 bits. */
  readonly maxReservationsFrom: number
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
  /**
   * What the relayed connections that one peer has made may carry, both ways, in bytes a day; 0: no limit. Only who makes a
   * connection is charged: else whoever connects to a peer could use up what that peer has.
   */
  readonly peerBytesPerDay: number
  /** The same in bytes a second; 0: no limit. */
  readonly peerBytesPerSecond: number
  /** What all relayed connections may carry together, in bytes a second; 0: no limit. */
  readonly bytesPerSecond: number
}

/**
 * No limit on time or bytes of a relayed connection: the two minutes and 128 KiB that are usual elsewhere surprise every
 * user. The counts keep one peer, or one address, from using up the hub. Behind one address there may be a whole company, or a carrier's customers.
 */
export const RELAY_LIMITS: RelayLimits = {
  maxReservations: 10_000,
  maxReservationsFrom: 1_024,
  reservationTtlSeconds: 3_600,
  maxCircuits: 20_000,
  maxCircuitsFrom: 256,
  maxCircuitsTo: 1_024,
  circuitSeconds: 0,
  circuitBytes: 0,
  peerBytesPerDay: 0,
  peerBytesPerSecond: 0,
  bytesPerSecond: 0
}

/** A relayed connection that is slower does not come about: its handshakes are some kilobytes, and have ten seconds. */
const LEAST_BYTES_PER_SECOND = 10_000
const DAY_SECONDS = 24 * 3_600

interface Range {
  readonly least: number
  readonly most: number
  /** Whether 0, which is less, stands for no limit. */
  readonly mayBeNone?: boolean
}

const count = (least: number): Range => ({ least, most: 1_000_000 })
const amount = (least: number): Range => ({ least, most: Number.MAX_SAFE_INTEGER, mayBeNone: true })

const RANGES: Readonly<Record<keyof RelayLimits, Range>> = {
  maxReservations: count(0),
  maxReservationsFrom: count(1),
  // peers bound it likewise (libp2p/circuit/reserve.ts)
  reservationTtlSeconds: { least: 60, most: DAY_SECONDS },
  maxCircuits: count(0),
  maxCircuitsFrom: count(1),
  maxCircuitsTo: count(1),
  // of a timer
  circuitSeconds: { least: 1, most: 1_000_000, mayBeNone: true },
  circuitBytes: amount(1),
  peerBytesPerDay: amount(1),
  peerBytesPerSecond: amount(LEAST_BYTES_PER_SECOND),
  bytesPerSecond: amount(LEAST_BYTES_PER_SECOND)
}

/** Limits with those that are usual where none is given. @throws NatError BAD_OPTION, which names the limit */
export function limitsOf(given: Readonly<Record<string, unknown>> | Partial<RelayLimits> = {}): RelayLimits {
  const limits: Record<string, number> = { ...RELAY_LIMITS }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!isLimit(name)) throw wrong(`there is no limits.${name}: there are ${Object.keys(RANGES).join(', ')}`)
    const { least, most, mayBeNone = false } = RANGES[name]
    const fits = Number.isInteger(value) && (value as number) >= least && (value as number) <= most
    if (!fits && !(mayBeNone && value === 0)) {
      throw wrong(`limits.${name} is a whole number from ${least} to ${most}${mayBeNone ? ', or 0 for no limit' : ''}`)
    }
    limits[name] = value as number
  }
  return limits as unknown as RelayLimits
}

function isLimit(name: string): name is keyof RelayLimits {
  return Object.hasOwn(RANGES, name)
}

function wrong(why: string): NatError {
  return new NatError('BAD_OPTION', why)
}
