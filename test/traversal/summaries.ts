import type { NetworkSummary, TransportSummary } from '../../src/wire/summary.ts'

export const BLOCKED: TransportSummary = {
  ok: false,
  translated: null,
  mapping: null,
  filtering: null,
  allocation: null,
  step: null,
  hairpin: null
}

/** A home router of the usual kind. */
export const HOME: TransportSummary = {
  ok: true,
  translated: true,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  allocation: 'preserving',
  step: null,
  hairpin: false
}

export const RANDOM: TransportSummary = { ...HOME, mapping: 'address-and-port-dependent', allocation: 'random' }
export const SEQUENTIAL: TransportSummary = { ...RANDOM, allocation: 'sequential', step: 1 }
export const UNTRANSLATED: TransportSummary = {
  ...HOME,
  translated: false,
  filtering: 'endpoint-independent',
  allocation: null,
  hairpin: null
}

/** Behind a home router, and whatever is different. */
export function summary(changes: Partial<NetworkSummary> = {}): NetworkSummary {
  return {
    udp4: HOME,
    udp6: BLOCKED,
    tcp4: HOME,
    tcp6: BLOCKED,
    publicAddresses: ['11.1.0.10'],
    mapped: false,
    reachability: 'private',
    uplinks: 1,
    ...changes
  }
}

/** The other side's, behind another address. */
export function other(changes: Partial<NetworkSummary> = {}): NetworkSummary {
  return summary({ publicAddresses: ['11.2.0.10'], ...changes })
}
