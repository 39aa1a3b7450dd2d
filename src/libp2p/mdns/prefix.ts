import ipaddr from 'ipaddr.js'
import type { InterfaceAddress } from '../../core/net.ts'

/** Whether an address is in the network of an interface. Both are literal ones; that of the interface may have a zone. */
export function inPrefix(address: string, { address: own, prefixLength }: InterfaceAddress): boolean {
  const [one, other] = [ipaddr.parse(address), ipaddr.parse(own.split('%')[0]!)]
  // a prefix of nothing, as on some tunnels, is no network of neighbours
  return one.kind() === other.kind() && prefixLength > 0 && one.match(other, prefixLength)
}
