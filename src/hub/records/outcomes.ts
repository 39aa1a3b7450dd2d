import type { StoredRecord } from '../store/store.ts'
import type { Outcome } from './api.ts'
import { STORE_RETRY_SECONDS } from './limits.ts'

export function limit(detail: string, refillMs: number): Outcome {
  return { status: 'LIMIT', detail, retrySeconds: Math.max(1, Math.ceil(refillMs / 1_000)) }
}

/** Why a record is not taken, for whoever sent it. */
export function badRecord(detail: string): Outcome {
  return { status: 'BAD_RECORD', detail }
}

/** What the store has said is in the log: where it is, and how to get there, is nothing for strangers. */
export function unavailable(): Outcome {
  return { status: 'UNAVAILABLE', detail: 'the hub cannot get at its records now', retrySeconds: STORE_RETRY_SECONDS }
}

/** What is kept of a record, for how long yet. */
export function kept({ envelope, seq, expiresMs }: StoredRecord, nowMs: number): Outcome {
  return { status: 'OK', envelope, seq, lifetimeSeconds: Math.max(0, Math.ceil((expiresMs - nowMs) / 1_000)) }
}

/** A record that is not taken because of another one that is, or was. */
export function stale({ envelope, seq }: StoredRecord, detail: string): Outcome {
  return { status: 'STALE', detail: `${detail}: a newer one has a higher number`, envelope, seq }
}
