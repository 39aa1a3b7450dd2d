import type { PutOutcome, StoredRecord } from './store.ts'

/** What is kept of a peer: a record, and who answers for it. */
export interface Kept {
  readonly record: StoredRecord
  /** It was put without a hub, and lasts as long as it says. */
  readonly free: boolean
  readonly holders: readonly string[]
}

/** Whether others are told of it, as long as it has not expired. */
export function isThere({ record, free, holders }: Kept): boolean {
  return !record.left && (free || holders.length > 0)
}

/** The record, if it is a goodbye that would still be kept. */
export function goodbyeIn(kept: Kept | undefined, nowMs: number): StoredRecord | undefined {
  return kept?.record.left === true && kept.record.expiresMs > nowMs ? kept.record : undefined
}

export type Decision = PutOutcome & {
  /** What is to be kept from now on; undefined: what was. */
  readonly keep?: Kept
}

/**
 * What becomes of a record that is put: the rule that every store follows (Redis in Lua: redis-scripts.ts).
 *
 * The holders of the record before hold the newer one, until their hubs release it; when the peer has left, nobody does. One that was put without a hub is a hub's from the moment that one
 * answers for it. Whoever brings a record that is there already, without being the hub of its peer, changes nothing: anybody could.
 */
export function decide(kept: Kept | undefined, record: StoredRecord, hub: string | undefined): Decision {
  if (kept != null) {
    if (record.seq < kept.record.seq) return { outcome: 'stale', current: kept.record }
    if (record.seq === kept.record.seq) {
      if (Buffer.compare(record.envelope, kept.record.envelope) !== 0) return { outcome: 'stale', current: kept.record }
      if (hub == null || kept.record.left || (kept.holders.includes(hub) && !kept.free)) return { outcome: 'same' }
      return { outcome: 'same', keep: { record: kept.record, free: false, holders: withHolder(kept.holders, hub) } }
    }
  }
  const before = record.left ? [] : (kept?.holders ?? [])
  const holders = record.left || hub == null ? before : withHolder(before, hub)
  return { outcome: 'stored', keep: { record, free: !record.left && holders.length === 0, holders } }
}

function withHolder(holders: readonly string[], hub: string): readonly string[] {
  return holders.includes(hub) ? holders : [...holders, hub]
}
