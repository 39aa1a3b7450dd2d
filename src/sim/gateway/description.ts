import type { UpnpDescription, UpnpDevice, UpnpService } from '../../wire/upnp/description.ts'
import { serviceType } from '../../wire/upnp/services.ts'

export const UPNP_HTTP_PORT = 5000
export const DESCRIPTION_PATH = '/rootDesc.xml'
export const CONTROL_PATHS = { connection: '/ctl/IPConn', firewall: '/ctl/IP6FCtl' } as const

/** An Internet Gateway Device as UPnP describes it: three devices within each other, the services in the innermost. */
export function gatewayDescription(name: string, version: 1 | 2, hasIpv6: boolean): UpnpDescription {
  const services: UpnpService[] = [
    {
      serviceType: serviceType('WANIPConnection', version),
      serviceId: 'urn:upnp-org:serviceId:WANIPConn1',
      controlUrl: CONTROL_PATHS.connection
    }
  ]
  if (version === 2 && hasIpv6) {
    services.push({
      serviceType: serviceType('WANIPv6FirewallControl', 1),
      serviceId: 'urn:upnp-org:serviceId:WANIPv6Firewall1',
      controlUrl: CONTROL_PATHS.firewall
    })
  }
  const connection = device('WANConnectionDevice', services, [])
  const wan = device('WANDevice', [], [connection])
  return { device: device('InternetGatewayDevice', [], [wan]) }

  function device(type: string, its: readonly UpnpService[], devices: readonly UpnpDevice[]): UpnpDevice {
    return {
      deviceType: `urn:schemas-upnp-org:device:${type}:${version}`,
      friendlyName: name,
      manufacturer: 'Beeline',
      modelName: `simulated gateway, version ${version}`,
      udn: `uuid:5117ed00-0000-4000-8000-${Buffer.from(name.padEnd(6, '-').slice(0, 6)).toString('hex')}`,
      services: its,
      devices
    }
  }
}
