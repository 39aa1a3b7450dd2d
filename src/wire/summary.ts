import { NatError } from '../core/errors.ts'
import { addressBytes, addressText, atMost, within } from './fields.ts'
import { type Codec, protobufCodec } from './protobuf.ts'

/** RFC 4787 sections 4.1 and 5. */
export type SummaryBehaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'

/** What counts about UDP or TCP in one address family when two peers meet. `null`: not known. */
export interface TransportSummary {
  /** Whether packets go out and answers come back; true where it was not tried. */
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
export const MAX_SUMMARY_UPLINKS = 16
/** Steps of sequential allocation that were seen are 1 and 2; what adds more than this is as good as random. */
export const MAX_SUMMARY_STEP = 16

type WireTransport = Partial<TransportSummary>

interface WireSummary {
  readonly udp4?: WireTransport | undefined
  readonly udp6?: WireTransport | undefined
  readonly tcp4?: WireTransport | undefined
  readonly tcp6?: WireTransport | undefined
  readonly publicAddresses: readonly Uint8Array[]
  readonly mapped?: boolean | undefined
  readonly reachability?: 'public' | 'private' | undefined
  readonly uplinks?: number | undefined
}

const bool = (id: number) => ({ type: 'bool', id })
const behaviour = (id: number) => ({ type: 'Behaviour', id })
const transport = (id: number) => ({ type: 'Transport', id })

const definition = {
  nested: {
    NetworkSummary: {
      // proto2: what is not known is absent, and so is an enum's value that nobody has defined yet
      edition: 'proto2',
      fields: {
        udp4: transport(1),
        udp6: transport(2),
        tcp4: transport(3),
        tcp6: transport(4),
        publicAddresses: { rule: 'repeated', type: 'bytes', id: 5 },
        mapped: bool(6),
        reachability: { type: 'Reachability', id: 7 },
        uplinks: { type: 'uint32', id: 8 }
      },
      nested: {
        Transport: {
          edition: 'proto2',
          fields: {
            ok: bool(1),
            translated: bool(2),
            mapping: behaviour(3),
            filtering: behaviour(4),
            allocation: { type: 'Allocation', id: 5 },
            // two's complement of -1 would take ten bytes
            step: { type: 'sint32', id: 6 },
            hairpin: bool(7)
          }
        },
        Behaviour: {
          edition: 'proto2',
          values: { 'endpoint-independent': 1, 'address-dependent': 2, 'address-and-port-dependent': 3 }
        },
        Allocation: { edition: 'proto2', values: { preserving: 1, sequential: 2, random: 3 } },
        Reachability: { edition: 'proto2', values: { public: 1, private: 2 } }
      }
    }
  }
}

const summaries = protobufCodec<WireSummary>(definition, 'NetworkSummary')

export const summaryCodec: Codec<NetworkSummary> = {
  encode(summary) {
    const { udp4, udp6, tcp4, tcp6, publicAddresses, mapped, reachability, uplinks } = summary
    return summaries.encode({
      udp4: written(udp4),
      udp6: written(udp6),
      tcp4: written(tcp4),
      tcp6: written(tcp6),
      publicAddresses: atMost(publicAddresses, MAX_SUMMARY_ADDRESSES, 'addresses').map(addressBytes),
      mapped: mapped || undefined,
      reachability: reachability === 'unknown' ? undefined : reachability,
      uplinks: uplinksOf(uplinks) || undefined
    })
  },
  decode(input) {
    const { udp4, udp6, tcp4, tcp6, publicAddresses, mapped, reachability, uplinks } = summaries.decode(input)
    return {
      udp4: read(udp4),
      udp6: read(udp6),
      tcp4: read(tcp4),
      tcp6: read(tcp6),
      publicAddresses: atMost(publicAddresses, MAX_SUMMARY_ADDRESSES, 'addresses').map(addressText),
      mapped: mapped ?? false,
      reachability: reachability ?? 'unknown',
      uplinks: uplinksOf(uplinks ?? 0)
    }
  }
}

/** Whoever gets one does without it, if need be: one of a later version that has other bounds is no reason to refuse what it came with. */
export function readableSummary(encoded: Uint8Array): NetworkSummary | undefined {
  try {
    return summaryCodec.decode(encoded)
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}

/** Without what is not known; nothing at all of what does not work, and of which no more is known. */
function written({ ok, step, ...known }: TransportSummary): WireTransport | undefined {
  const said = { ok: ok || null, ...known, step: stepOf(step) }
  const entries = Object.entries(said).filter(([, value]) => value != null)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

function read({ ok, translated, mapping, filtering, allocation, step, hairpin }: WireTransport = {}): TransportSummary {
  return {
    ok: ok ?? false,
    translated: translated ?? null,
    mapping: mapping ?? null,
    filtering: filtering ?? null,
    allocation: allocation ?? null,
    step: stepOf(step),
    hairpin: hairpin ?? null
  }
}

function stepOf(step: number | null | undefined): number | null {
  return step == null ? null : within(step, -MAX_SUMMARY_STEP, MAX_SUMMARY_STEP, 'step')
}

function uplinksOf(uplinks: number): number {
  return within(uplinks, 0, MAX_SUMMARY_UPLINKS, 'number of uplinks')
}
