import type { Endpoint } from '../../core/machine.ts'
import { IP_PROTOCOLS, PCP_VERSION, type PcpResult } from '../../wire/pcp/codes.ts'
import { decodePcpRequest, encodePcpResponse, type PcpRequest } from '../../wire/pcp/message.ts'
import type { LeaseProtocol } from './leases.ts'
import type { Service } from './service.ts'

type MapRequest = Extract<PcpRequest, { opcode: 'MAP' }>

/** Options below 128 may not be ignored (RFC 6887 section 7.3). */
const OPTIONAL_FROM = 128
/** How long a client need not ask again (RFC 6887 section 7.4): what passes soon, and what does not. */
const SHORT_ERROR_SECONDS = 30
const LONG_ERROR_SECONDS = 1800
const SHORT_ERRORS: readonly PcpResult[] = ['NETWORK_FAILURE', 'NO_RESOURCES', 'CANNOT_PROVIDE_EXTERNAL']

/** A PCP server's answer (RFC 6887), undefined where it says nothing. @throws NatError MALFORMED */
export function answerPcp(service: Service, bytes: Uint8Array, from: Endpoint): Uint8Array | undefined {
  const { epochSeconds } = service
  if (bytes[0] !== PCP_VERSION) {
    // of NAT-PMP's, which is not spoken here, and of those to come (section 9)
    const refused = { result: 'UNSUPP_VERSION', lifetimeSeconds: LONG_ERROR_SECONDS, epochSeconds } as const
    return bytes.length < 2 ? undefined : encodePcpResponse({ opcode: bytes[1]! & 0x7f, ...refused })
  }
  const request = decodePcpRequest(bytes)
  if (request.opcode === 'ANNOUNCE') {
    return encodePcpResponse({ opcode: 'ANNOUNCE', result: 'SUCCESS', lifetimeSeconds: 0, epochSeconds })
  }
  if (request.opcode !== 'MAP') {
    const refused = { result: 'UNSUPP_OPCODE', lifetimeSeconds: LONG_ERROR_SECONDS, epochSeconds } as const
    return encodePcpResponse({ opcode: request.opcode, ...refused })
  }
  const { map } = request as MapRequest
  const given = grant(service, request as MapRequest, from)
  const nonce = service.faults.wrongNonce === true ? map.nonce.map(byte => byte ^ 0xff) : map.nonce
  if (typeof given === 'string') {
    const lifetimeSeconds = SHORT_ERRORS.includes(given) ? SHORT_ERROR_SECONDS : LONG_ERROR_SECONDS
    return encodePcpResponse({ opcode: 'MAP', result: given, lifetimeSeconds, epochSeconds, map: { ...map, nonce } })
  }
  const { external, lifetimeSeconds } = given
  const granted = { ...map, nonce, externalPort: external.port, externalAddress: external.address }
  return encodePcpResponse({ opcode: 'MAP', result: 'SUCCESS', lifetimeSeconds, epochSeconds, map: granted })
}

function grant(
  { leases, faults, lifetimeMs, toldSeconds, toldAddress }: Service,
  { clientAddress, map, lifetimeSeconds, options = [] }: MapRequest,
  from: Endpoint
): PcpResult | { external: Endpoint; lifetimeSeconds: number } {
  if (faults.refusal?.pcp != null) return faults.refusal.pcp
  if (clientAddress !== from.address) return 'ADDRESS_MISMATCH'
  if (options.some(({ option }) => option === 'FILTER' || (typeof option === 'number' && option < OPTIONAL_FROM))) {
    return 'UNSUPP_OPTION'
  }
  const protocol = protocolOf(map.protocol)
  if (!protocol) return 'UNSUPP_PROTOCOL'
  const internal = { address: clientAddress, port: map.internalPort }
  const owner = `pcp ${Buffer.from(map.nonce).toString('hex')}`
  const known = leases.of(protocol, internal)
  if (known?.owner.startsWith('pcp ') && known.owner !== owner) return 'NOT_AUTHORIZED'
  if (lifetimeSeconds === 0) {
    if (known) leases.remove(known)
    return { external: { address: map.externalAddress, port: map.externalPort }, lifetimeSeconds: 0 }
  }
  const request = { protocol, internal, lifetimeMs: lifetimeMs(lifetimeSeconds), owner }
  const externalPort = known?.external.port ?? map.externalPort
  const mustBeThat = options.some(({ option }) => option === 'PREFER_FAILURE') && map.externalPort !== 0
  const lease = mustBeThat
    ? leases.addExactly({ ...request, externalPort }, faults)
    : leases.add({ ...request, externalPort }, known ? { ...faults, otherPort: false } : faults)
  if (!lease) return mustBeThat ? 'CANNOT_PROVIDE_EXTERNAL' : 'NO_RESOURCES'
  const external = { address: toldAddress(lease.external.address), port: lease.external.port }
  return { external, lifetimeSeconds: toldSeconds(lease) }
}

function protocolOf(number: number): LeaseProtocol | undefined {
  if (number === IP_PROTOCOLS.udp) return 'udp'
  return number === IP_PROTOCOLS.tcp ? 'tcp' : undefined
}
