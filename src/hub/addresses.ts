import { interfaceAddresses, isLoopback, isUnspecified } from '../libp2p/quic/address.ts'

/** libp2p itself would announce a public address only after others have confirmed it, and a hub is the first there is. */
export function announced(hosts: readonly string[]): string[] {
  return hosts.flatMap(host => {
    if (!isUnspecified(host)) return [host]
    const all = interfaceAddresses(host.includes(':') ? 6 : 4)
    const others = all.filter(address => !isLoopback(address))
    return others.length > 0 ? others : all
  })
}

export function addressesOf(host: string, port: number, httpPort: number): string[] {
  const ip = `/${host.includes(':') ? 'ip6' : 'ip4'}/${host}`
  return [`${ip}/udp/${port}/quic-v1`, `${ip}/tcp/${port}`, `${ip}/tcp/${httpPort}/ws`]
}

export function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
