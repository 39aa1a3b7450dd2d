import { NatError } from '../../core/errors.ts'
import { child, children, element, parseXml, text, type XmlNode } from './xml.ts'

/** UPnP Device Architecture 2.0 section 2.3: what a device is, and where its services are controlled. */
export interface UpnpDescription {
  /** What relative URLs start from (version 1.0 only); without it, where the description came from. */
  readonly urlBase?: string
  readonly device: UpnpDevice
}

export interface UpnpDevice {
  readonly deviceType: string
  readonly friendlyName: string
  readonly manufacturer: string
  readonly modelName: string
  readonly udn: string
  readonly services: readonly UpnpService[]
  readonly devices: readonly UpnpDevice[]
}

export interface UpnpService {
  readonly serviceType: string
  readonly serviceId: string
  /** As it stands there: absolute or relative. */
  readonly controlUrl: string
}

/** A gateway with two uplinks has 6 devices and 12 services or so. */
const BOUNDS = { devices: 64, services: 256 } as const

/** @throws NatError MALFORMED */
export function decodeDescription(xml: string): UpnpDescription {
  const root = child(parseXml(xml), 'root')
  const device = child(root, 'device')
  if (device == null) throw new NatError('MALFORMED', 'a UPnP description without a device')
  const urlBase = text(root, 'URLBase')
  const left = { ...BOUNDS }
  return { ...(urlBase == null || urlBase === '' ? {} : { urlBase }), device: deviceOf(device, left) }
}

function deviceOf(node: XmlNode, left: { devices: number; services: number }): UpnpDevice {
  const services = children(child(node, 'serviceList'), 'service').flatMap(serviceOf)
  const devices = children(child(node, 'deviceList'), 'device')
  left.services -= services.length
  left.devices -= devices.length
  if (left.services < 0 || left.devices < 0) {
    throw new NatError('MALFORMED', `more than ${BOUNDS.devices} devices or ${BOUNDS.services} services in one`)
  }
  return {
    deviceType: text(node, 'deviceType') ?? '',
    friendlyName: text(node, 'friendlyName') ?? '',
    manufacturer: text(node, 'manufacturer') ?? '',
    modelName: text(node, 'modelName') ?? '',
    udn: text(node, 'UDN') ?? '',
    services,
    devices: devices.map(device => deviceOf(device, left))
  }
}

/** A service that cannot be called is none. */
function serviceOf(node: XmlNode): UpnpService[] {
  const serviceType = text(node, 'serviceType')
  const controlUrl = text(node, 'controlURL')
  if (serviceType == null || controlUrl == null) return []
  return [{ serviceType, serviceId: text(node, 'serviceId') ?? '', controlUrl }]
}

/** All services of a device and of those in it, in the order of the description. */
export function allServices(device: UpnpDevice): readonly UpnpService[] {
  return [...device.services, ...device.devices.flatMap(allServices)]
}

export function encodeDescription({ urlBase, device }: UpnpDescription): string {
  const version = element('specVersion', [element('major', '1'), element('minor', '0')])
  const base = urlBase == null ? '' : element('URLBase', urlBase)
  const root = element('root', [version, base, encodeDevice(device)], ' xmlns="urn:schemas-upnp-org:device-1-0"')
  return `<?xml version="1.0"?>\n${root}`
}

function encodeDevice(device: UpnpDevice): string {
  return element('device', [
    element('deviceType', device.deviceType),
    element('friendlyName', device.friendlyName),
    element('manufacturer', device.manufacturer),
    element('modelName', device.modelName),
    element('UDN', device.udn),
    list('serviceList', device.services, ({ serviceType, serviceId, controlUrl }) =>
      element('service', [
        element('serviceType', serviceType),
        element('serviceId', serviceId),
        element('controlURL', controlUrl)
      ])
    ),
    list('deviceList', device.devices, encodeDevice)
  ])
}

function list<T>(name: string, items: readonly T[], encode: (item: T) => string): string {
  return items.length === 0 ? '' : element(name, items.map(encode))
}
