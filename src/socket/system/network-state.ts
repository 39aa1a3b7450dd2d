import { closeSync, openSync, readSync } from 'node:fs'
import { ipScope } from '../../core/ip.ts'
import type { Gateway, InterfaceAddress } from '../../core/net.ts'
import { ipv4Gateways, ipv6Gateways } from '../gateways.ts'
import { systemHost } from './host.ts'

/** What tells one network from another, as far as it can be read at once and sends nothing. */
export interface NetworkState {
  readonly addresses: readonly InterfaceAddress[]
  /** The preferred default routes first. Always empty where they cannot be read without starting a program: then addresses have to tell. */
  readonly gateways: readonly Gateway[]
}

export interface NetworkChange {
  readonly kind: 'addresses' | 'route' | 'wake'
  /** For people. */
  readonly detail: string
}

/** What is read of a routing table. The kernel lists default routes early, and a router with the whole internet in its table has 100 MB of it. */
const MAX_TABLE_BYTES = 64 * 1024

/** Another default route is told before other addresses: it says where packets go now. Undefined where nothing has changed that matters. */
export function diff(before: NetworkState, after: NetworkState): NetworkChange | undefined {
  const [had, has] = [routesOf(before), routesOf(after)]
  if (had.join() !== has.join()) {
    return { kind: 'route', detail: `default routes: ${listOf(has)}; before: ${listOf(had)}` }
  }
  const [old, now] = [addressesOf(before), addressesOf(after)]
  const changes = [
    ...[...now.difference(old)].map(each => `${each} is new`),
    ...[...old.difference(now)].map(each => `${each} is gone`)
  ]
  return changes.length === 0 ? undefined : { kind: 'addresses', detail: changes.join(', ') }
}

/** This machine's state now. */
export function systemState(): NetworkState {
  return {
    addresses: addresses(),
    gateways:
      process.platform === 'linux'
        ? [...ipv4Gateways(table('/proc/net/route')), ...ipv6Gateways(table('/proc/net/ipv6_route'))]
        : []
  }
}

/** None where a system keeps them from programs, as Android does. */
function addresses(): readonly InterfaceAddress[] {
  try {
    return systemHost.addresses()
  } catch {
    return []
  }
}

/** Addresses that packets of ours may leave from. Link-local ones come and go with every device, and no peer is reached by them. */
function addressesOf({ addresses }: NetworkState): Set<string> {
  return new Set(
    addresses
      .filter(({ address }) => !['link-local', 'loopback'].includes(ipScope(address)))
      .map(({ name, address }) => `${address} on ${name}`)
  )
}

function routesOf({ gateways }: NetworkState): string[] {
  return gateways.map(({ address, interface: device }) => `${address.split('%')[0]} on ${device}`)
}

function listOf(routes: readonly string[]): string {
  return routes.length === 0 ? 'none' : routes.join(', ')
}

/** A kernel without IPv6 has no table of it. */
function table(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const text = Buffer.allocUnsafe(MAX_TABLE_BYTES)
    let length = 0
    // the kernel hands it out in pages
    for (let read = -1; read !== 0 && length < MAX_TABLE_BYTES; length += read)
      read = readSync(file, text, length, MAX_TABLE_BYTES - length, null)
    return text.toString('latin1', 0, length)
  } catch {
    return ''
  } finally {
    if (file != null) closeSync(file)
  }
}
