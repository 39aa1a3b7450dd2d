import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import { drive } from '../../core/machine.ts'
import type { NetHost, UdpSocket } from '../../core/net.ts'
import { allServices, decodeDescription, type UpnpDescription } from '../../wire/upnp/description.ts'
import { type ServiceKind, serviceKind } from '../../wire/upnp/services.ts'
import { SSDP_GROUPS } from '../../wire/upnp/ssdp.ts'
import { XML_BOUNDS } from '../../wire/upnp/xml.ts'
import type { BootWatch } from '../boot.ts'
import { mostTelling, type Refusal } from '../reason.ts'
import { isInNetwork, isSameAddress, type Uplink } from '../uplink.ts'
import { ask, type Control, call } from './control.ts'
import { type Found, Search } from './search.ts'
import { routerUrl } from './url.ts'

/** A service of the router that maps ports. */
export interface GatewayService extends Control {
  readonly kind: ServiceKind
  readonly version: number
}

export type Discovery = { readonly services: readonly GatewayService[] } | { readonly refused: Refusal }

/** The search, and then four descriptions at worst: nobody waits longer. */
const DISCOVERY_MS = 8_000
/** A router with several uplinks has a service for each. */
const MAX_SERVICES = 4

const NO_ANSWER: Refusal = { reason: 'no-answer', detail: 'no internet gateway answered to UPnP' }

/**
 * Finds the services of the router of an uplink. Whoever else answers is not heard: over IPv4 only the router itself, over IPv6
 * only machines in our own network, since a router's address there has nothing to do with that of the default route.
 *
 * @throws the signal's reason
 */
export async function discover(
  host: NetHost,
  uplink: Uplink,
  boot: BootWatch,
  signal: AbortSignal
): Promise<Discovery> {
  const { family, address } = uplink
  const refusals: Refusal[] = []
  let services: readonly GatewayService[] = []
  try {
    // bound to our address, from which also the multicasts leave
    const socket = await host.udp({ family, address })
    const group = family === 4 ? SSDP_GROUPS[4] : SSDP_GROUPS.site6
    try {
      services = await withDeadline(host.clock, DISCOVERY_MS, 'UPnP discovery', signal, aborted =>
        searched(host, socket, group, uplink, boot, refusals, aborted)
      )
    } finally {
      socket.close()
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof NatError)) throw error
  }
  return services.length > 0 ? { services } : { refused: refusals.length > 0 ? mostTelling(refusals) : NO_ANSWER }
}

async function searched(
  host: NetHost,
  socket: UdpSocket,
  group: string,
  uplink: Uplink,
  boot: BootWatch,
  refusals: Refusal[],
  signal: AbortSignal
): Promise<readonly GatewayService[]> {
  const isRouter = (address: string) =>
    isSameAddress(address, uplink.gateway) || (uplink.family === 6 && isInNetwork(address, uplink))
  let services: readonly GatewayService[] = []
  let looking = Promise.resolve()
  const look = async (found: Found) => {
    if (services.length > 0 || signal.aborted) return
    const described = await describe(host, found, uplink, signal)
    if ('refused' in described) refusals.push(described.refused)
    else {
      services = described.services
      search.cancel()
    }
  }
  const search = drive(
    new Search({ group, isRouter }),
    socket,
    host.clock,
    found => {
      // what is mapped from now on is mapped after that start
      boot.restarted(found.usn, found.bootId)
      looking = looking.then(() => look(found))
      // it is waited for below, when the search has ended
      looking.catch(() => {})
    },
    signal
  )
  await search.ended
  await looking
  return services
}

/** Reads a description and chooses what is to be called. @throws the signal's reason */
async function describe(
  host: NetHost,
  { location, from }: Found,
  uplink: Uplink,
  signal: AbortSignal
): Promise<Discovery> {
  const url = routerUrl(location, undefined, from.address)
  if (url == null) {
    return { refused: { reason: 'malformed', detail: `UPnP: ${from.address} points to another machine` } }
  }
  const answer = await ask(host, { url, method: 'GET', maxBytes: XML_BOUNDS.maxLength }, signal)
  if ('refused' in answer) return answer
  let services: GatewayService[]
  try {
    services = servicesOf(decodeDescription(answer.body), url, from.address, uplink.family === 6)
  } catch (error) {
    if (!(error instanceof NatError)) throw error
    return { refused: { reason: 'malformed', detail: `UPnP: ${error.message} (${url})` } }
  }
  const [first, ...others] = services
  if (first == null) return { refused: { reason: 'unsupported', detail: `UPnP: nothing that maps ports at ${url}` } }
  return {
    services: others.length === 0 || uplink.family === 6 ? services : await connectedFirst(host, services, signal)
  }
}

/** The services that map ports of a family, the newest version first. Pure. */
export function servicesOf(
  description: UpnpDescription,
  location: string,
  router: string,
  isFirewall: boolean
): GatewayService[] {
  const base = description.urlBase ?? location
  return allServices(description.device)
    .flatMap(({ serviceType, controlUrl }) => {
      const known = serviceKind(serviceType)
      const url = routerUrl(controlUrl, base, router)
      if (known == null || url == null) return []
      return (known.kind === 'WANIPv6FirewallControl') === isFirewall ? [{ ...known, serviceType, url }] : []
    })
    .sort((one, other) => other.version - one.version)
    .slice(0, MAX_SERVICES)
}

/** Of several uplinks, the one that is up. */
async function connectedFirst(host: NetHost, services: GatewayService[], signal: AbortSignal) {
  for (const service of services) {
    const status = await call(host, service, 'GetStatusInfo', {}, signal)
    if ('output' in status && status.output.NewConnectionStatus === 'Connected') {
      return [service, ...services.filter(other => other !== service)]
    }
  }
  return services
}
