import type { AllowanceInit } from '../../core/allowance.ts'

/** What a hub's STUN server allows. docs/hub.md has the same for operators. */
export interface StunLimits {
  /** Answers to one source: an IPv4 address, or an IPv6 network of 64 bits. */
  readonly answers: AllowanceInit
  /** Of these, answers that go by another socket or to another port than the request came. */
  readonly redirected: AllowanceInit
  /** Connections at once (TCP and TLS), in all. */
  readonly maxConnections: number
  /** Of these, from one source. */
  readonly maxConnectionsFrom: number
  /** How long a connection may take for its next whole request, the TLS handshake included. */
  readonly idleMs: number
}

/**
 * An answer is up to 2.2 times as long as its request, headers included, and at most 80 bytes longer. So whoever forges a victim's address
 * has this hub add 1.6 kB a second to what it sends itself, whether that is 1.4 kB or, with PADDING, 24 kB; and a whole company behind one
 * address has enough of it.
 */
export const STUN_LIMITS: StunLimits = {
  answers: { burst: 200, refillMs: 50, maxKeys: 65_536 },
  // a behaviour test has two such requests, each sent a few times
  redirected: { burst: 20, refillMs: 500, maxKeys: 16_384 },
  maxConnections: 1_024,
  maxConnectionsFrom: 16,
  idleMs: 10_000
}
