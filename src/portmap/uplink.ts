import ipaddr from 'ipaddr.js'
import { canonicalIp, ipScope } from '../core/ip.ts'
import type { Family, Gateway, InterfaceAddress } from '../core/net.ts'

/** The way out of this machine in one family: the router, and the address of ours that it knows us by. */
export interface Uplink {
  readonly family: Family
  /** With its zone where it is link-local. */
  readonly gateway: string
  readonly interface: string
  readonly address: string
  readonly prefixLength: number
}

/**
 * Chooses the router to ask and the address to ask from: the preferred default route, and the address of its interface that is in
 * the router's network. A pinhole is for the address that peers will use, so over IPv6 it is a global one. Pure.
 */
export function findUplink(
  family: Family,
  addresses: readonly InterfaceAddress[],
  gateways: readonly Gateway[]
): Uplink | undefined {
  for (const gateway of gateways) {
    if (gateway.family !== family) continue
    const own = addresses.filter(each => each.family === family && each.name === gateway.interface && isUsable(each))
    const near = own.find(each => isInNetwork(gateway.address, each)) ?? own[0]
    if (near != null) {
      const { address, prefixLength } = near
      return { family, gateway: gateway.address, interface: gateway.interface, address, prefixLength }
    }
  }
  return undefined
}

function isUsable({ family, address }: InterfaceAddress): boolean {
  const scope = ipScope(address)
  // reserved has the ranges for documentation, which laboratories use as their internet
  return scope === 'public' || scope === 'reserved' || (family === 4 && scope === 'private')
}

/** Whether an address is in the network of one of ours. */
export function isInNetwork(
  address: string,
  own: { readonly address: string; readonly prefixLength: number }
): boolean {
  const [one, other] = [bare(address), bare(own.address)]
  if (!ipaddr.isValid(one) || !ipaddr.isValid(other)) return false
  const [theirs, ours] = [ipaddr.parse(one), ipaddr.parse(other)]
  return theirs.kind() === ours.kind() && theirs.match(ours, own.prefixLength)
}

/** Whether two spellings are one address, whatever zone is written to them. */
export function isSameAddress(one: string, other: string): boolean {
  const canonical = canonicalIp(bare(one))
  return canonical != null && canonical === canonicalIp(bare(other))
}

function bare(address: string): string {
  return address.split('%')[0]!
}
