import { Resolver } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { realClock } from '../../core/clock.ts'
import { scoped } from '../../core/deadline.ts'
import type { Family, InterfaceAddress, NetHost } from '../../core/net.ts'
import { secureRandom } from '../../core/random.ts'
import { systemGateways } from '../gateways.ts'
import { systemHttp } from './http.ts'
import { systemProbe } from './probe.ts'
import { systemTcp } from './tcp.ts'
import { systemUdp } from './udp.ts'

/** This machine and the network that it is in. */
export const systemHost: NetHost = {
  clock: realClock,
  random: secureRandom,
  addresses: systemAddresses,
  gateways: systemGateways,
  udp: systemUdp,
  ...(process.platform === 'linux' ? { probe: systemProbe } : {}),
  tcp: systemTcp,
  http: systemHttp,
  resolve
}

function systemAddresses(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries]) =>
    (entries ?? []).map(({ family, address, cidr }) => ({
      name,
      family: family === 'IPv4' ? 4 : 6,
      address,
      prefixLength: Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128))
    }))
  )
}

/** Asks the name servers themselves: the system's own way leaves out addresses of a family that it has no route for. */
async function resolve(name: string, family: Family, signal: AbortSignal): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: 1_000, tries: 2 })
  return await scoped(signal, aborted => {
    aborted.addEventListener('abort', () => resolver.cancel(), { once: true })
    return family === 4 ? resolver.resolve4(name) : resolver.resolve6(name)
  }).catch(() => {
    signal.throwIfAborted()
    return []
  })
}
