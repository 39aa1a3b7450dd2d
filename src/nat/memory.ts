import ipaddr from 'ipaddr.js'
import { canonicalIp, ipScope } from '../core/ip.ts'
import type { Gateway, InterfaceAddress } from '../core/net.ts'
import type { NetworkReport } from './report.ts'

/** Home, work, a telephone's network, and as many more. */
const MAX_NETWORKS = 8

/** The part of an IPv6 address that is the network's; the rest changes daily (RFC 8981). */
const IPV6_NETWORK_BITS = 64

/**
 * Names the network that a machine is in, by what it sees of it itself: its addresses and its routers. Another key is another network;
 * the same one may still be another where all networks look alike, so what is remembered is compared with a fresh public address.
 */
export function networkKey(addresses: readonly InterfaceAddress[], gateways: readonly Gateway[]): string {
  const own = addresses
    .filter(({ address }) => !['loopback', 'link-local', 'invalid'].includes(ipScope(bare(address))))
    .map(({ name, family, address }) => `${name} ${family === 6 ? networkOf(address) : canonicalIp(address)}`)
  const routers = gateways.map(gateway => `via ${gateway.address} ${gateway.interface}`)
  return [...new Set([...own, ...routers])].sort().join(', ')
}

function networkOf(address: string): string {
  const bytes = ipaddr.IPv6.parse(bare(address)).toByteArray()
  return `${ipaddr.fromByteArray(bytes.map((byte, index) => (index < IPV6_NETWORK_BITS / 8 ? byte : 0)))}`
}

function bare(address: string): string {
  return address.split('%')[0]!
}

/** Reports of the networks that a machine was in, the last used ones. */
export class NetworkMemory {
  readonly #reports = new Map<string, NetworkReport>()

  /**
   * @param publicAddress  of a fresh observation, when there is one: a report with another public address is of another network, or of
   *   one whose address has changed, and is forgotten
   */
  recall(key: string, publicAddress?: string): NetworkReport | undefined {
    const report = this.#reports.get(key)
    if (report == null) return undefined
    this.#reports.delete(key)
    if (publicAddress != null && !knows(report, publicAddress)) return undefined
    this.#reports.set(key, report)
    return report
  }

  keep(key: string, report: NetworkReport): void {
    this.#reports.delete(key)
    this.#reports.set(key, report)
    for (const oldest of this.#reports.keys()) {
      if (this.#reports.size <= MAX_NETWORKS) break
      this.#reports.delete(oldest)
    }
  }
}

function knows({ udp4, udp6, tcp4, tcp6 }: NetworkReport, publicAddress: string): boolean {
  const address = canonicalIp(publicAddress)
  return [udp4, udp6, tcp4, tcp6].some(({ publicAddresses }) => publicAddresses.some(seen => seen === address))
}
