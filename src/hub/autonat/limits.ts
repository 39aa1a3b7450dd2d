import type { AllowanceInit } from '../../core/allowance.ts'

/** What a hub's AutoNAT allows. docs/hub.md has the same for operators. */
export const AUTONAT_LIMITS = {
  /** Requests in hand at once: each waits for bytes of a peer, or for a dial. */
  maxRequests: 256,
  /** Of these, from one peer: go-libp2p asks two questions at once. */
  maxRequestsFrom: 2,
  /** Dials at once: each has a UDP socket of its own, for up to `dialMs` when nobody answers. */
  maxDials: 32,
  /** Addresses of a request that are looked at. */
  maxAddresses: 64,
  /** Messages that dial data may come in: 100 bytes each at the least, on average. */
  maxPieces: 1_000,
  /** To read a request, and to get the answer to it out. */
  messageMs: 10_000,
  /** To pay for the dial of another host: 100,000 bytes over a slow uplink. */
  dataMs: 30_000,
  /** Before another host is dialled: a victim is not hit by many servers in one moment. */
  maxDelayMs: 3_000,
  dialMs: 5_000,
  dialBackMs: 5_000
} as const

/** One peer: all of its addresses at once, then six a minute. */
export const PEER_ALLOWANCE: AllowanceInit = { burst: 16, refillMs: 10_000, maxKeys: 20_000 }
/** All peers together. */
export const GLOBAL_ALLOWANCE: AllowanceInit = { burst: 512, refillMs: 100, maxKeys: 1 }
/** What a host may get in dials that another host asked for. */
export const FOREIGN_ALLOWANCE: AllowanceInit = { burst: 4, refillMs: 15_000, maxKeys: 4_096 }
