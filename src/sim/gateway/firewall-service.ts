import { canonicalIp } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import { IP_PROTOCOLS } from '../../wire/pcp/codes.ts'
import type { SoapCall } from '../../wire/upnp/soap.ts'
import type { UpnpRefusal } from './connection-service.ts'
import type { Lease, LeaseRequest } from './leases.ts'
import type { Service } from './service.ts'

type Outcome = Readonly<Record<string, string | number | boolean>> | UpnpRefusal

/** WANIPv6FirewallControl:1 section 2.4.1.1. */
const MAX_LEASE_SECONDS = 86_400

/** A router's holes in its IPv6 firewall, by the numbers that it gave them. */
export class Pinholes {
  readonly #byId = new Map<number, Pick<Lease, 'protocol' | 'internal'>>()
  #nextId = 1

  /** What a WANIPv6FirewallControl does when it is called. */
  call(service: Service, call: SoapCall, from: Endpoint): Outcome {
    switch (call.action) {
      case 'GetFirewallStatus':
        return { FirewallEnabled: true, InboundPinholeAllowed: true }
      case 'AddPinhole': {
        const { InternalClient, InternalPort, Protocol, LeaseTime } = call.input
        const address = canonicalIp(InternalClient)
        const protocol = Protocol === IP_PROTOCOLS.udp ? 'udp' : Protocol === IP_PROTOCOLS.tcp ? 'tcp' : undefined
        if (!protocol) return 705
        if (InternalPort === 0) return 706
        if (address !== from.address) return 606
        if (LeaseTime < 1 || LeaseTime > MAX_LEASE_SECONDS) return 402
        const pinhole = { protocol, internal: { address, port: InternalPort } } as const
        return this.#add(service, pinhole, LeaseTime)
      }
      case 'UpdatePinhole': {
        const pinhole = this.#find(service, call.input.UniqueID)
        if (!pinhole) return 704
        return service.leases.addExactly(requestOf(pinhole, call.input.NewLeaseTime)) ? {} : 701
      }
      case 'DeletePinhole': {
        const pinhole = this.#find(service, call.input.UniqueID)
        if (!pinhole) return 704
        this.#byId.delete(call.input.UniqueID)
        service.leases.remove(pinhole)
        return {}
      }
      default:
        return 401
    }
  }

  /** Forgets all, as after a restart. */
  clear(): void {
    this.#byId.clear()
  }

  #add(service: Service, pinhole: Pick<Lease, 'protocol' | 'internal'>, seconds: number): Outcome {
    if (!service.leases.addExactly(requestOf(pinhole, seconds))) return 701
    const known = [...this.#byId].find(([, { protocol, internal }]) => {
      const { address, port } = pinhole.internal
      return protocol === pinhole.protocol && internal.address === address && internal.port === port
    })
    const id = known?.[0] ?? this.#nextId++
    this.#byId.set(id, pinhole)
    return { UniqueID: id }
  }

  #find({ leases }: Service, id: number): Lease | undefined {
    const pinhole = this.#byId.get(id)
    return pinhole && leases.of(pinhole.protocol, pinhole.internal)
  }
}

function requestOf({ protocol, internal }: Pick<Lease, 'protocol' | 'internal'>, seconds: number): LeaseRequest {
  return { protocol, internal, externalPort: internal.port, lifetimeMs: seconds * 1000, owner: 'upnp' }
}
