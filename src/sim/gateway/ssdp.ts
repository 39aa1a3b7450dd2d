import { NatError } from '../../core/errors.ts'
import { allServices, type UpnpDevice } from '../../wire/upnp/description.ts'
import { decodeSsdp, type SsdpAnswer, type SsdpNotify } from '../../wire/upnp/ssdp.ts'

const ROOT = 'upnp:rootdevice'
const EVERYTHING = 'ssdp:all'

/** What a search is answered with: one answer for each thing that it asks for (UPnP Device Architecture 2.0 section 1.3.3). */
export function answerSearch(bytes: Uint8Array, root: UpnpDevice, location: string): readonly SsdpAnswer[] {
  const search = read(bytes)
  if (search?.type !== 'search') return []
  return things(root)
    .filter(({ target }) => search.target === EVERYTHING || isAskedFor(target, search.target))
    .map(({ target, usn }) => ({
      type: 'answer',
      // who asks for an older version is answered with that (section 1.3.3)
      target: search.target === EVERYTHING ? target : search.target,
      usn,
      location,
      server: 'Beeline/1.0 UPnP/1.1 simulated/1.0'
    }))
}

/** What a gateway tells everybody when it has started, or goes. */
export function announcements(
  kind: SsdpNotify['kind'],
  root: UpnpDevice,
  location: string,
  bootId: number
): readonly SsdpNotify[] {
  return things(root).map(({ target, usn }) => ({ type: 'notify', kind, target, usn, location, bootId }))
}

function things(root: UpnpDevice): { target: string; usn: string }[] {
  const types = [...deviceTypes(root), ...allServices(root).map(({ serviceType }) => serviceType)]
  return [ROOT, ...types].map(target => ({ target, usn: `${root.udn}::${target}` }))
}

function deviceTypes({ deviceType, devices }: UpnpDevice): string[] {
  return [deviceType, ...devices.flatMap(deviceTypes)]
}

/** The same type, in that version or an older one. */
function isAskedFor(ours: string, asked: string): boolean {
  const [, ourName, ourVersion] = /^(.*):(\d+)$/.exec(ours) ?? []
  const [, askedName, askedVersion] = /^(.*):(\d+)$/.exec(asked) ?? []
  if (ourName === undefined || askedName === undefined) return ours === asked
  return ourName === askedName && Number(askedVersion) <= Number(ourVersion)
}

function read(bytes: Uint8Array) {
  try {
    return decodeSsdp(bytes)
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}
