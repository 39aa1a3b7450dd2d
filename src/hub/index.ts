/** A hub inside a program of one's own, or its relay in a js-libp2p node. */
export type { AccessOptions } from './access/access.ts'
export { HTTP_LIMITS, type HttpLimits } from './http/index.ts'
export { type Hub, type HubOptions, type HubRules, startHub } from './hub.ts'
export { RECORD_LIMITS, type RecordLimits } from './records/index.ts'
export { RELAY_LIMITS, type RelayLimits, relayService } from './relay/index.ts'
