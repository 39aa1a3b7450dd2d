import type { Endpoint } from '../../core/machine.ts'
import {
  decodeNatPmpRequest,
  encodeNatPmpResponse,
  NAT_PMP_VERSION,
  type NatPmpRequest,
  type NatPmpResponse
} from '../../wire/natpmp.ts'
import type { Service } from './service.ts'

type MapRequest = Extract<NatPmpRequest, { internalPort: number }>

/** A NAT-PMP server's answer (RFC 6886). @throws NatError MALFORMED */
export function answerNatPmp(service: Service, bytes: Uint8Array, from: Endpoint): Uint8Array | undefined {
  const { epochSeconds, faults, externalAddress } = service
  if (bytes[0] !== NAT_PMP_VERSION) {
    const opcode = (bytes[1] ?? 0) & 0x7f
    return encodeNatPmpResponse({ opcode, result: 'UNSUPPORTED_VERSION', epochSeconds })
  }
  const request = decodeNatPmpRequest(bytes)
  const refusal = faults.refusal?.natPmp
  if (refusal != null && refusal !== 'SUCCESS') {
    return encodeNatPmpResponse({ opcode: request.opcode, result: refusal, epochSeconds })
  }
  if (request.opcode === 'address') {
    return encodeNatPmpResponse({ opcode: 'address', result: 'SUCCESS', externalAddress, epochSeconds })
  }
  if (request.opcode !== 'udp' && request.opcode !== 'tcp') {
    return encodeNatPmpResponse({ opcode: request.opcode, result: 'UNSUPPORTED_OPCODE', epochSeconds })
  }
  return encodeNatPmpResponse(map(service, request as MapRequest, from))
}

function map(
  { leases, faults, lifetimeMs, toldSeconds, epochSeconds }: Service,
  { opcode, internalPort, externalPort, lifetimeSeconds }: MapRequest,
  from: Endpoint
): NatPmpResponse {
  const internal = { address: from.address, port: internalPort }
  const known = leases.of(opcode, internal)
  if (lifetimeSeconds === 0) {
    // port 0 is all of the client's (section 3.4)
    const gone = leases.all.filter(
      lease =>
        lease.protocol === opcode &&
        lease.internal.address === from.address &&
        (internalPort === 0 || lease.internal.port === internalPort)
    )
    for (const lease of gone) leases.remove(lease)
    return { opcode, result: 'SUCCESS', internalPort, externalPort: 0, lifetimeSeconds: 0, epochSeconds }
  }
  const lease = leases.add(
    {
      protocol: opcode,
      internal,
      externalPort: known?.external.port ?? externalPort,
      lifetimeMs: lifetimeMs(lifetimeSeconds),
      owner: 'nat-pmp'
    },
    known ? { ...faults, otherPort: false } : faults
  )
  if (!lease) return { opcode, result: 'OUT_OF_RESOURCES', internalPort, epochSeconds }
  const granted = { externalPort: lease.external.port, lifetimeSeconds: toldSeconds(lease) }
  return { opcode, result: 'SUCCESS', internalPort, ...granted, epochSeconds }
}
