import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import ipaddr from 'ipaddr.js'
import { canonicalIp, ipScope } from '../core/ip.ts'
import type { Gateway } from '../core/net.ts'

/** Flags of a route in the kernel's tables (linux/route.h): it is up; it goes by a gateway; it rejects. */
const RTF_UP = 0x1
const RTF_GATEWAY = 0x2
const RTF_REJECT = 0x200

/** More default routes than any machine that a person set up has. */
const MAX_GATEWAYS = 16

interface Route extends Gateway {
  readonly metric: number
}

/** The routers of this machine's default routes, the preferred ones of each family first. None where there is no way to know. */
export async function systemGateways(): Promise<readonly Gateway[]> {
  if (process.platform !== 'linux') return await foreignGateways()
  // a kernel without IPv6 has no table of it
  const [ipv4, ipv6] = await Promise.all(
    ['/proc/net/route', '/proc/net/ipv6_route'].map(path => readFile(path, 'utf8').catch(() => ''))
  )
  return [...ipv4Gateways(ipv4!), ...ipv6Gateways(ipv6!)]
}

/** @param table  the text of /proc/net/route, whose addresses are in the byte order of the machine */
export function ipv4Gateways(table: string, order: 'LE' | 'BE' = endianness()): Gateway[] {
  return byMetric(
    table.split('\n').flatMap(line => {
      const [device, destination, gateway, flags, , , metric, mask] = line.trim().split(/\s+/)
      if (destination !== '00000000' || mask !== '00000000' || !leadsOn(flags)) return []
      const bytes = bytesOf(gateway ?? '', 4)
      if (bytes == null) return []
      if (order === 'LE') bytes.reverse()
      return [{ family: 4, address: bytes.join('.'), interface: device!, metric: Number(metric) }]
    })
  )
}

/** @param table  the text of /proc/net/ipv6_route */
export function ipv6Gateways(table: string): Gateway[] {
  return byMetric(
    table.split('\n').flatMap(line => {
      const [destination, length, , , gateway, metric, , , flags, device] = line.trim().split(/\s+/)
      if (!/^0{32}$/.test(destination ?? '') || length !== '00' || !leadsOn(flags)) return []
      const bytes = bytesOf(gateway ?? '', 16)
      if (bytes == null) return []
      const address = ipaddr.fromByteArray(bytes).toString()
      const zone = ipScope(address) === 'link-local' ? `%${device}` : ''
      return [{ family: 6, address: address + zone, interface: device!, metric: Number.parseInt(metric ?? '', 16) }]
    })
  )
}

function leadsOn(flags = ''): boolean {
  const bits = Number.parseInt(flags, 16)
  return (bits & RTF_UP) !== 0 && (bits & RTF_GATEWAY) !== 0 && (bits & RTF_REJECT) === 0
}

function bytesOf(hex: string, length: number): number[] | undefined {
  return hex.length === length * 2 && /^[0-9a-f]+$/i.test(hex) ? [...Buffer.from(hex, 'hex')] : undefined
}

function byMetric(routes: Route[]): Gateway[] {
  return routes
    .sort((one, other) => one.metric - other.metric)
    .slice(0, MAX_GATEWAYS)
    .map(({ family, address, interface: device }) => ({ family, address, interface: device }))
}

/** Elsewhere a program of the system is asked, which tells the preferred route only. Loaded when needed: on Linux it never is. */
async function foreignGateways(): Promise<Gateway[]> {
  const { gateway4async, gateway6async } = await import('default-gateway')
  // it throws at once on a system that it does not know
  const found = await Promise.allSettled([gateway4async, gateway6async].map(async ask => await ask()))
  return found.flatMap((result, i): Gateway[] => {
    if (result.status === 'rejected') return []
    const { gateway, int } = result.value
    // with a zone it is no literal of its own
    const [literal = '', zone] = gateway.split('%')
    const address = canonicalIp(literal)
    if (address == null) return []
    const device = int ?? zone ?? ''
    const scoped = ipScope(address) === 'link-local' && device !== ''
    return [{ family: i === 0 ? 4 : 6, address: scoped ? `${address}%${device}` : address, interface: device }]
  })
}
