import type { AllowanceInit } from '../../core/allowance.ts'

/** What a hub allows on rendezvous streams. What the records allow each peer is in records/limits.ts. docs/rendezvous.md has the same table. */
export const RENDEZVOUS_LIMITS = {
  /** Streams of one connection: one is enough, and a few may be on their way out. */
  maxStreams: 4,
  /** Requests of a stream in hand, an answer that waits to be read included. */
  maxInFlight: 64,
  /** Calls that wait for a peer that does not read; more are lost. */
  maxCalls: 16,
  /** After one that was refused because of its number, the next request is read so much later. */
  pauseMs: 100
} as const

/** Streams that one peer opens: each costs a negotiation. */
export const STREAM_ALLOWANCE: AllowanceInit = { burst: 16, refillMs: 1_000, maxKeys: 65_536 }
