import type { Family, InterfaceAddress } from '../core/net.ts'
import { isLoopback, isMulticast, networkText, type Packet } from './packet.ts'

/** One interface of a machine. */
export interface Nic {
  readonly name: string
  readonly ips: readonly string[]
  readonly ip6: string | undefined
  /** The routers of its default routes. */
  readonly gateway: string | undefined
  readonly gateway6: string | undefined
  transmit(packet: Packet): void
}

const PREFIX_LENGTH = { 4: 24, 6: 64 } as const

export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4
}

/** The interface's addresses in one family. */
export function addressesOf({ ips, ip6 }: Nic, family: Family): readonly string[] {
  if (family === 4) return ips
  return ip6 === undefined ? [] : [ip6]
}

/** All of a machine's addresses, loopback too. */
export function interfaceAddresses(nics: readonly Nic[]): InterfaceAddress[] {
  const families = ([4, 6] as const).filter(family => nics.some(nic => addressesOf(nic, family).length > 0))
  return [
    ...families.map(family => ({
      name: 'lo',
      family,
      address: loopback(family),
      prefixLength: family === 4 ? 8 : 128
    })),
    ...nics.flatMap(nic =>
      families.flatMap(family =>
        addressesOf(nic, family).map(address => ({
          name: nic.name,
          family,
          address,
          prefixLength: PREFIX_LENGTH[family]
        }))
      )
    )
  ]
}

export function loopback(family: Family): string {
  return family === 4 ? '127.0.0.1' : '::1'
}

/** Which interface and own address a packet leaves by; `source` where the socket is bound to one. No interface: loopback. */
export function wayTo(
  nics: readonly Nic[],
  destination: string,
  source: string | undefined
): { nic: Nic | undefined; source: string } | undefined {
  const family = familyOf(destination)
  if (isLoopback(destination)) return { nic: undefined, source: source ?? loopback(family) }
  if (source !== undefined && familyOf(source) !== family) return undefined
  if (nics.some(nic => addressesOf(nic, family).includes(destination))) {
    return { nic: undefined, source: source ?? destination }
  }
  const able = nics.filter(nic => addressesOf(nic, family).length > 0)
  const nic =
    source === undefined
      ? (able.find(nic => isMulticast(destination) || isOnLink(nic, destination)) ??
        able.find(nic => (family === 4 ? nic.gateway : nic.gateway6) !== undefined))
      : able.find(nic => addressesOf(nic, family).includes(source))
  return nic && { nic, source: source ?? addressesOf(nic, family)[0]! }
}

function isOnLink(nic: Nic, destination: string): boolean {
  const [own] = addressesOf(nic, familyOf(destination))
  return own !== undefined && networkText(own) === networkText(destination)
}
