import { defaultLogger } from '@libp2p/logger'
import { type Clock, realClock } from '../../core/clock.ts'
import { openPeerRecord } from '../../libp2p/peer-record.ts'
import { RECORD_LIMITS, type RecordLimits } from './limits.ts'
import { Registry, type RegistryInit } from './registry.ts'

export interface RegistryOptions extends Pick<RegistryInit, 'store' | 'hub' | 'reservations'> {
  /** @default RECORD_LIMITS */
  readonly limits?: Partial<RecordLimits>
  /** @default the machine's */
  readonly clock?: Clock
  /** Milliseconds since 1970. @default the machine's */
  readonly wall?: () => number
  /** Verifies a record. @default openPeerRecord */
  readonly open?: typeof openPeerRecord
}

/** Begins to look after the records of a hub; `stop()` ends it. Give the same `reservations` to `relayService({ events })`. */
export function startRegistry({ limits, ...options }: RegistryOptions): Registry {
  return new Registry({
    clock: realClock,
    wall: Date.now,
    open: openPeerRecord,
    log: defaultLogger().forComponent('beeline:records'),
    ...options,
    limits: { ...RECORD_LIMITS, ...limits }
  })
}

export { RECORD_LIMITS, type RecordLimits } from './limits.ts'
export type { RecordCounts, Registry } from './registry.ts'
