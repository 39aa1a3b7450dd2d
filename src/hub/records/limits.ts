import type { AllowanceInit } from '../../core/allowance.ts'
import { RECORD_LIFETIME } from '../../wire/record.ts'

/** What a hub allows those who leave records and look for them. docs/rendezvous.md has the same table. */
export interface RecordLimits {
  /** A record is kept no longer than that, whatever it says. */
  readonly maxLifetimeSeconds: number
  /** How long a record is kept when its peer is not at the hub any more. */
  readonly graceMs: number
  /** Requests in hand, most of which wait for the store. */
  readonly maxRequests: number
  /** Signatures that are checked at once. */
  readonly maxChecks: number
  /** Beyond so many records in the store, none is taken that no hub holds. */
  readonly maxRecords: number
  /** Of a peer, by all of its streams. */
  readonly maxWatchesEach: number
  /** Of all peers of a source. */
  readonly maxWatchesFrom: number
  readonly maxWatches: number
  /** Releases that wait for a store that is away. */
  readonly maxReleases: number
  /** Requests that look for a peer, by who asks: the peer, or where it is not known the source. */
  readonly lookups: AllowanceInit
  /** Records that a source brings over HTTP; counted before anything is done for it. */
  readonly sources: AllowanceInit
  /** Signatures checked for all who come over HTTP together. */
  readonly anonymous: AllowanceInit
  /** Records of peers of which there is none, by source: whoever makes up keys makes up such peers. */
  readonly firsts: AllowanceInit
  /** Records that no hub holds, by source. */
  readonly unheld: AllowanceInit
  /** Records of a peer that are newer than what is kept. */
  readonly registrations: AllowanceInit
  /** By who calls. */
  readonly calls: AllowanceInit
  /** By who is called. */
  readonly called: AllowanceInit
}

/** A record's time is that far from ours at most: clocks are wrong by a time zone, or by a day. */
export const CLOCK_TOLERANCE_MS = 86_400_000

/** When to ask a store again that did not answer. */
export const STORE_RETRY_SECONDS = 5

export const RECORD_LIMITS: RecordLimits = {
  maxLifetimeSeconds: RECORD_LIFETIME.max,
  // a peer that changes networks has its reservation again within ten seconds; one that reboots within a minute
  graceMs: 60_000,
  // 4,096 x (a record of 8 KiB, and what is around it): 40 MB while the store is away
  maxRequests: 4_096,
  maxChecks: 64,
  // of half a kilobyte each
  maxRecords: 1_000_000,
  // a node has 1,024 at most, and a stream before its present one may not have ended yet
  maxWatchesEach: 2_048,
  // a tenth of all there are: a hundred nodes behind one address that watch as many as they can
  maxWatchesFrom: 100_000,
  // some 500 bytes each
  maxWatches: 1_000_000,
  maxReleases: 100_000,
  // all watches anew after a reconnect, and as many lookups; then 50 a second, of some 50 µs each
  lookups: { burst: 2_048, refillMs: 20, maxKeys: 65_536 },
  // a company behind one address after an outage; then 50 a second, of some 200 µs each
  sources: { burst: 512, refillMs: 20, maxKeys: 65_536 },
  // counted when only the signature is left to check: 2,000 a second are a third of a core
  anonymous: { burst: 4_000, refillMs: 0.5, maxKeys: 1 },
  // a company behind one address comes back at once after an outage. Then 86,400 a day, whose rows stay for up to three days: a quarter of a
  // million from one source, which are 130 MB as records usually are, and 2 GB if each is as long as it may be
  firsts: { burst: 1_024, refillMs: 1_000, maxKeys: 65_536 },
  // 8,640 a day and source: what is not held stays for a day, and its number for three
  unheld: { burst: 64, refillMs: 10_000, maxKeys: 65_536 },
  // a node's addresses come in the course of its first seconds; then it waits until they have changed for a second
  registrations: { burst: 16, refillMs: 5_000, maxKeys: 200_000 },
  calls: { burst: 16, refillMs: 2_000, maxKeys: 65_536 },
  called: { burst: 16, refillMs: 1_000, maxKeys: 65_536 }
}
