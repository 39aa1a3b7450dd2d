import type { NatPmpResult } from '../wire/natpmp.ts'
import type { PcpResult } from '../wire/pcp/codes.ts'
import { upnpError } from '../wire/upnp/errors.ts'
import type { SoapFault } from '../wire/upnp/soap.ts'

/**
 * Why there is no port mapping; docs/reasons.md says what to do about each. The most telling ones come first, and before them the
 * one that another port may help against.
 */
export const MAPPING_REASONS = {
  conflict: 'every port that was asked for is taken',
  disabled: 'the router speaks the protocol, and is set up to refuse mappings',
  'no-resources': 'the router has no room for one more mapping, or none for this machine',
  'no-external-address': 'the router itself has no address on the outside',
  'address-mismatch': 'there is another NAT between this machine and the router that was asked',
  unsupported: 'the router does not map what was asked for',
  refused: 'the router refused, for a reason of its own',
  malformed: 'the router answered what the protocol does not allow',
  'no-answer': 'nobody answered',
  'no-gateway': 'this machine has no default route by a router'
} as const
export type MappingReason = keyof typeof MAPPING_REASONS

/** Why a router did not map. */
export interface Refusal {
  readonly reason: MappingReason
  /** What it said, in its own words or ours. */
  readonly detail: string
  /** How long it asks not to be asked again. */
  readonly retryAfterSeconds?: number
}

const PCP_REASONS: Readonly<Record<Exclude<PcpResult, 'SUCCESS'>, MappingReason>> = {
  UNSUPP_VERSION: 'unsupported',
  NOT_AUTHORIZED: 'disabled',
  MALFORMED_REQUEST: 'refused',
  UNSUPP_OPCODE: 'unsupported',
  UNSUPP_OPTION: 'unsupported',
  MALFORMED_OPTION: 'refused',
  NETWORK_FAILURE: 'no-external-address',
  NO_RESOURCES: 'no-resources',
  UNSUPP_PROTOCOL: 'unsupported',
  USER_EX_QUOTA: 'no-resources',
  CANNOT_PROVIDE_EXTERNAL: 'conflict',
  ADDRESS_MISMATCH: 'address-mismatch',
  EXCESSIVE_REMOTE_PEERS: 'refused'
}

export function pcpRefusal(result: PcpResult | number, retryAfterSeconds: number): Refusal {
  const known = typeof result === 'string' && result !== 'SUCCESS' ? PCP_REASONS[result] : undefined
  return { reason: known ?? 'refused', detail: `PCP ${result}`, retryAfterSeconds }
}

const NAT_PMP_REASONS: Readonly<Record<Exclude<NatPmpResult, 'SUCCESS'>, MappingReason>> = {
  UNSUPPORTED_VERSION: 'unsupported',
  NOT_AUTHORIZED: 'disabled',
  NETWORK_FAILURE: 'no-external-address',
  OUT_OF_RESOURCES: 'no-resources',
  UNSUPPORTED_OPCODE: 'unsupported'
}

export function natPmpRefusal(result: NatPmpResult | number): Refusal {
  const known = typeof result === 'string' && result !== 'SUCCESS' ? NAT_PMP_REASONS[result] : undefined
  return { reason: known ?? 'refused', detail: `NAT-PMP ${result}` }
}

/** 401 is what routers say whose mapping is switched off, as if there were no such action. */
const UPNP_REASONS: Readonly<Record<number, MappingReason>> = {
  401: 'disabled',
  602: 'unsupported',
  603: 'no-resources',
  606: 'disabled',
  718: 'conflict',
  727: 'unsupported',
  728: 'no-resources',
  729: 'conflict'
}
const FIREWALL_REASONS: Readonly<Record<number, MappingReason>> = {
  401: 'disabled',
  602: 'unsupported',
  606: 'disabled',
  701: 'no-resources',
  702: 'disabled',
  703: 'disabled',
  705: 'unsupported'
}

export function upnpRefusal({ code, description }: SoapFault, service: 'connection' | 'firewall'): Refusal {
  const reasons = service === 'firewall' ? FIREWALL_REASONS : UPNP_REASONS
  const name = code == null ? undefined : upnpError(code, service)
  // what the router writes there is for people, and of any length
  const words = name ?? description.replace(/[^\x20-\x7e]/g, ' ').slice(0, 80)
  return { reason: (code != null ? reasons[code] : undefined) ?? 'refused', detail: `UPnP ${code ?? 'fault'} ${words}` }
}

const ORDER = Object.keys(MAPPING_REASONS)

/** Of what several protocols said, that which tells most. */
export function mostTelling(refusals: readonly Refusal[]): Refusal {
  const [first] = refusals.toSorted((one, other) => ORDER.indexOf(one.reason) - ORDER.indexOf(other.reason))
  return first ?? { reason: 'no-gateway', detail: 'no router to ask' }
}
