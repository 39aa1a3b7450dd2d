import { NatError } from '../core/errors.ts'
import { ipScope } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { NetHost, UdpSocket } from '../core/net.ts'
import { decodeNatPmpResponse } from '../wire/natpmp.ts'
import { PCP_ANNOUNCE_GROUPS, PCP_CLIENT_PORT, PCP_SERVER_PORT } from '../wire/pcp/codes.ts'
import { decodePcpResponse } from '../wire/pcp/message.ts'
import { decodeSsdp, SSDP_GROUPS, SSDP_PORT } from '../wire/upnp/ssdp.ts'
import type { BootWatch } from './boot.ts'
import type { EpochWatch } from './epoch.ts'
import { quietly } from './pcp.ts'
import { isSameAddress, type Uplink } from './uplink.ts'

/**
 * Listens for what a router tells all machines when it has started, or its outside address has changed: PCP's ANNOUNCE (RFC 6887
 * section 14.1), NAT-PMP's address (RFC 6886 section 3.2.1), UPnP's `ssdp:alive`. Where another program has the port to itself, and
 * for a group that cannot be joined, leases find out when they are renewed.
 *
 * @param epoch  of the same router's answers; and so is `boot`
 * @param onNews  called when mappings may be gone; as often as the router speaks of it
 * @returns a function that stops it
 */
export async function listenForNews(
  host: NetHost,
  uplink: Uplink,
  epoch: EpochWatch,
  boot: BootWatch,
  onNews: () => void
): Promise<() => void> {
  const isRouter = ({ address }: Endpoint) => isSameAddress(address, uplink.gateway) || isNeighbour(address, uplink)
  const control = await joined(host, uplink, PCP_CLIENT_PORT, PCP_ANNOUNCE_GROUPS[uplink.family])
  let address: string | undefined
  control?.onPacket((bytes, from) => {
    if (!isRouter(from) || from.port !== PCP_SERVER_PORT) return
    const told = announcementOf(bytes)
    if (told == null) return
    const before = address
    address = told.externalAddress ?? before
    // taken in whatever else is new
    const isRestart = epoch.restarted(host.clock.now(), told.epochSeconds)
    if (isRestart || before !== address) onNews()
  })

  const discovery = await joined(host, uplink, SSDP_PORT, SSDP_GROUPS[uplink.family])
  discovery?.onPacket((bytes, from) => {
    if (!isRouter(from)) return
    const message = quietly(() => decodeSsdp(bytes))
    if (message?.type !== 'notify' || message.kind !== 'alive') return
    if (boot.restarted(message.usn, message.bootId)) onNews()
  })
  return () => {
    control?.close()
    discovery?.close()
  }
}

/** Over IPv6 a router multicasts from its link-local address, whichever one the default route has. */
function isNeighbour(address: string, { family }: Uplink): boolean {
  return family === 6 && ipScope(address) === 'link-local'
}

function announcementOf(
  bytes: Uint8Array
): { readonly epochSeconds: number; readonly externalAddress?: string } | undefined {
  const pcp = quietly(() => decodePcpResponse(bytes))
  if (pcp != null) return pcp.opcode === 'ANNOUNCE' && pcp.result === 'SUCCESS' ? pcp : undefined
  const natPmp = quietly(() => decodeNatPmpResponse(bytes))
  return natPmp != null && 'externalAddress' in natPmp ? natPmp : undefined
}

async function joined(host: NetHost, uplink: Uplink, port: number, group: string): Promise<UdpSocket | undefined> {
  const { family } = uplink
  try {
    return await host.udp({ family, port, groups: [group] })
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}
