/** RFC 4787 sections 4.1 and 5. */
export type SummaryBehaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'

/** What counts about UDP or TCP in one address family when two peers meet. `null`: not known. */
export interface TransportSummary {
  /** Whether packets go out and answers come back. */
  readonly ok: boolean
  /** Whether addresses or ports are translated on the way. */
  readonly translated: boolean | null
  readonly mapping: SummaryBehaviour | null
  readonly filtering: SummaryBehaviour | null
  readonly allocation: 'preserving' | 'sequential' | 'random' | null
  /** Of sequential allocation: what is added from one mapping to the next; -16 to 16. */
  readonly step: number | null
  /** Whether two peers behind it reach each other by their public addresses. */
  readonly hairpin: boolean | null
}

/**
 * What of a network report another peer is told, so that both sides can plan how to meet: no names, no routers, no hubs, no ports. The addresses are
 * those that candidates name anyway.
 */
export interface NetworkSummary {
  readonly udp4: TransportSummary
  readonly udp6: TransportSummary
  readonly tcp4: TransportSummary
  readonly tcp6: TransportSummary
  /** Public IP addresses that others see, of both families: at most {@link MAX_SUMMARY_ADDRESSES}. */
  readonly publicAddresses: readonly string[]
  /** Whether a router has mapped a port of ours for everybody. */
  readonly mapped: boolean
  /** Whether a hub has reached us uninvited. */
  readonly reachability: 'public' | 'private' | 'unknown'
  /** More than one way out, with a public address each; 0 to 16. */
  readonly uplinks: number
}

export const MAX_SUMMARY_ADDRESSES = 4
