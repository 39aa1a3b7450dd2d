import { ByteRate } from '../../core/byte-rate.ts'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { RelayLimits } from './limits.ts'

/** What the bytes of one direction of a relayed connection cost. */
export interface Toll {
  /** What goes in one piece, so that connections take turns. */
  readonly pieceBytes: number
  /** @returns how long the next piece has to wait, in milliseconds. @throws NatError LIMIT: they may not pass, and nothing after them */
  pass(bytes: number): number
}

const DAY_SECONDS = 24 * 3_600
/** What goes at once after silence: a tenth of a second's worth, and the handshakes of a connection, which are some kilobytes. */
const BURST = { seconds: 0.1, leastBytes: 16 * 1_024 } as const
/** A piece is what 50 ms bring, so that a slow connection does not stand still for seconds; a packet at least, and at most what one read brings. */
const PIECE = { seconds: 0.05, leastBytes: 1_400, mostBytes: 64 * 1_024 } as const
/** Peers whose day is remembered: 100 bytes each. */
const MAX_PEERS = 100_000
const ALL = 'all'

interface Rates {
  readonly perDay: number
  readonly perSecond: number
  readonly inAll: number
  readonly day: ByteRate | undefined
  readonly peer: ByteRate | undefined
  readonly all: ByteRate | undefined
  readonly pieceBytes: number
}

/** What relayed connections carry, counted for who has made them and in all. */
export class Traffic {
  readonly #clock: Clock
  #limits: RelayLimits
  #rates: Rates

  constructor(limits: RelayLimits, clock: Clock) {
    this.#clock = clock
    this.#limits = limits
    this.#rates = ratesOf(limits)
  }

  /** Other limits count, for connections that run too. */
  change(limits: RelayLimits): void {
    this.#limits = limits
    this.#rates = ratesOf(limits, this.#rates)
  }

  /** Why a peer may not make one more connection now. */
  refusal(maker: string): string | undefined {
    const { day, perDay } = this.#rates
    return day == null || day.left(maker, this.#clock.now()) > 0 ? undefined : dayIsOver(perDay)
  }

  /** For one direction. */
  toll(maker: string): Toll {
    const traffic = this
    let passed = 0
    return {
      get pieceBytes() {
        return traffic.#rates.pieceBytes
      },
      pass(bytes) {
        const { circuitBytes } = traffic.#limits
        passed += bytes
        if (circuitBytes > 0 && passed > circuitBytes) {
          throw new NatError('LIMIT', `a relayed connection may carry ${circuitBytes} bytes each way`)
        }
        return traffic.#spend(maker, bytes)
      }
    }
  }

  #spend(maker: string, bytes: number): number {
    const { day, peer, all, perDay } = this.#rates
    // most hubs have no such limit, and need not ask for the time
    if (day == null && peer == null && all == null) return 0
    const nowMs = this.#clock.now()
    if (day != null && day.spend(maker, bytes, nowMs) > 0) throw new NatError('LIMIT', dayIsOver(perDay))
    return Math.max(peer?.spend(maker, bytes, nowMs) ?? 0, all?.spend(ALL, bytes, nowMs) ?? 0)
  }
}

function dayIsOver(bytes: number): string {
  return `it carries ${bytes} bytes a day for a peer that makes relayed connections, and yours are used up`
}

/** @param before what has been spent goes on to count where a limit is as it was */
function ratesOf({ peerBytesPerDay, peerBytesPerSecond, bytesPerSecond }: RelayLimits, before?: Rates): Rates {
  const slowest = Math.min(peerBytesPerSecond || Number.POSITIVE_INFINITY, bytesPerSecond || Number.POSITIVE_INFINITY)
  return {
    perDay: peerBytesPerDay,
    perSecond: peerBytesPerSecond,
    inAll: bytesPerSecond,
    day: before?.perDay === peerBytesPerDay ? before.day : daily(peerBytesPerDay),
    peer: before?.perSecond === peerBytesPerSecond ? before.peer : steady(peerBytesPerSecond, MAX_PEERS),
    all: before?.inAll === bytesPerSecond ? before.all : steady(bytesPerSecond, 1),
    pieceBytes: Number.isFinite(slowest)
      ? Math.min(PIECE.mostBytes, Math.max(PIECE.leastBytes, Math.floor(slowest * PIECE.seconds)))
      : Number.POSITIVE_INFINITY
  }
}

function daily(bytes: number): ByteRate | undefined {
  return bytes === 0 ? undefined : new ByteRate({ perSecond: bytes / DAY_SECONDS, burst: bytes, maxKeys: MAX_PEERS })
}

function steady(perSecond: number, maxKeys: number): ByteRate | undefined {
  if (perSecond === 0) return undefined
  return new ByteRate({ perSecond, burst: Math.max(BURST.leastBytes, perSecond * BURST.seconds), maxKeys })
}
