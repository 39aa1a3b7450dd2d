import type { Multiaddr } from '@multiformats/multiaddr'

/** What carries a path; of a relayed one, what its relay is reached by. */
export type LinkTransport = 'quic' | 'tcp' | 'ws'

/** Where a link's packets go now. */
export interface LinkPath {
  readonly kind: 'relay' | 'direct'
  readonly transport: LinkTransport
  /** The address that our packets go to: the relay's on a relayed path. */
  readonly remote: string
}

/** Reads the path off a connection's remote address. */
export function pathOfAddress(address: Multiaddr): LinkPath {
  const components = address.getComponents()
  const names = components.map(({ name }) => name)
  const host = components.find(({ name }) => name === 'ip4' || name === 'ip6' || name.startsWith('dns'))
  const port = components.find(({ name }) => name === 'udp' || name === 'tcp')
  const text = host?.name === 'ip6' ? `[${host.value}]` : (host?.value ?? '?')
  return {
    kind: names.includes('p2p-circuit') ? 'relay' : 'direct',
    transport: names.includes('quic-v1') ? 'quic' : names.includes('ws') || names.includes('wss') ? 'ws' : 'tcp',
    remote: `${text}:${port?.value ?? '?'}`
  }
}
