import { NatError } from '../../core/errors.ts'
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

export function unavailable(error: unknown): Outcome {
  // what else a store may throw is its own business: it is in the log
  const detail = error instanceof NatError ? error.message : 'the hub cannot get at its records now'
  return { status: 'UNAVAILABLE', detail, retrySeconds: STORE_RETRY_SECONDS }
}

/** What is kept of a record, for how long yet. */
export function kept({ envelope, seq, expiresMs }: StoredRecord, nowMs: number): Outcome {
  return { status: 'OK', envelope, seq, lifetimeSeconds: Math.max(0, Math.ceil((expiresMs - nowMs) / 1_000)) }
}

/** A record that is not taken because of another one that is, or was. */
export function stale({ envelope, seq }: StoredRecord, detail: string): Outcome {
  return { status: 'STALE', detail: `${detail}: a newer one has a higher number`, envelope, seq }
}
