import type { Endpoint } from '../../core/machine.ts'
import type { ActionInput } from '../../wire/upnp/actions.ts'
import type { SoapCall } from '../../wire/upnp/soap.ts'
import type { Lease, LeaseProtocol, LeaseRequest } from './leases.ts'
import type { Service } from './service.ts'

/** Why not: a number of wire/upnp/errors.ts. */
export type UpnpRefusal = number

/** WANIPConnection:2 section 2.3.18: what 0 is there, and the most. */
const WEEK_SECONDS = 604_800

type Outcome = Readonly<Record<string, string | number | boolean>> | UpnpRefusal

/** What a WANIPConnection does when it is called (versions 1 and 2). */
export function callConnection(service: Service, version: 1 | 2, call: SoapCall, from: Endpoint): Outcome {
  const { leases, faults, externalAddress, epochSeconds } = service
  switch (call.action) {
    case 'GetExternalIPAddress':
      return { NewExternalIPAddress: externalAddress }
    case 'GetStatusInfo':
      return { NewConnectionStatus: 'Connected', NewLastConnectionError: 'ERROR_NONE', NewUptime: epochSeconds }
    case 'AddPortMapping': {
      const request = requestOf(version, call.input, from, faults.permanentOnly === true)
      if (typeof request === 'number') return request
      const there = leases.at(request.protocol, request.externalPort)
      if (there && there.internal.address !== request.internal.address) return 718
      // the client's own is overwritten (section 2.5.16.2)
      if (there) leases.remove(there)
      return leases.addExactly(request, faults) ? {} : 718
    }
    case 'AddAnyPortMapping': {
      if (version === 1) return 401
      const request = requestOf(version, call.input, from, faults.permanentOnly === true)
      if (typeof request === 'number') return request
      const lease = leases.add(request, faults)
      return lease ? { NewReservedPort: lease.external.port } : 728
    }
    case 'DeletePortMapping': {
      const lease = leaseOf(service, call.input)
      if (!lease) return 714
      if (lease.internal.address !== from.address) return 606
      leases.remove(lease)
      return {}
    }
    case 'GetSpecificPortMappingEntry': {
      const lease = leaseOf(service, call.input)
      if (!lease) return 714
      const { internal, description } = lease
      return {
        NewInternalPort: internal.port,
        NewInternalClient: internal.address,
        NewEnabled: true,
        NewPortMappingDescription: description,
        NewLeaseDuration: lease.expiresAtMs === Number.POSITIVE_INFINITY ? 0 : service.toldSeconds(lease)
      }
    }
    default:
      return 401
  }
}

function requestOf(
  version: 1 | 2,
  input: ActionInput<'AddPortMapping'>,
  from: Endpoint,
  permanentOnly: boolean
): LeaseRequest | UpnpRefusal {
  const protocol = protocolOf(input.NewProtocol)
  if (!protocol) return 402
  if (input.NewInternalPort === 0) return 732
  if (input.NewExternalPort === 0 && version === 1) return 716
  if (permanentOnly && input.NewLeaseDuration !== 0) return 725
  // for others one may ask only when authorized (WANIPConnection:2 section 2.5.16.3)
  if (input.NewInternalClient !== from.address) return 606
  const seconds =
    version === 1 ? input.NewLeaseDuration : Math.min(input.NewLeaseDuration || WEEK_SECONDS, WEEK_SECONDS)
  return {
    protocol,
    internal: { address: input.NewInternalClient, port: input.NewInternalPort },
    externalPort: input.NewExternalPort,
    lifetimeMs: seconds === 0 || permanentOnly ? Number.POSITIVE_INFINITY : seconds * 1000,
    owner: 'upnp',
    description: input.NewPortMappingDescription
  }
}

function leaseOf(
  { leases }: Service,
  { NewProtocol, NewExternalPort }: ActionInput<'DeletePortMapping'>
): Lease | undefined {
  const protocol = protocolOf(NewProtocol)
  return protocol && leases.at(protocol, NewExternalPort)
}

function protocolOf(name: string): LeaseProtocol | undefined {
  if (name === 'UDP') return 'udp'
  return name === 'TCP' ? 'tcp' : undefined
}
