/** Types of the UPnP Internet Gateway Device, versions 1 and 2. A newer version of a service has all that the older ones have. */

export const GATEWAY_DEVICES = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2'
] as const

export type ServiceKind = 'WANIPConnection' | 'WANPPPConnection' | 'WANIPv6FirewallControl'

const TYPE = /^urn:schemas-upnp-org:service:(WANIPConnection|WANPPPConnection|WANIPv6FirewallControl):(\d)$/

export function serviceType(kind: ServiceKind, version: number): string {
  return `urn:schemas-upnp-org:service:${kind}:${version}`
}

/** What a service type says, or undefined when it is none that maps ports. */
export function serviceKind(type: string): { readonly kind: ServiceKind; readonly version: number } | undefined {
  const [, kind, version] = TYPE.exec(type) ?? []
  return kind == null ? undefined : { kind: kind as ServiceKind, version: Number(version) }
}
