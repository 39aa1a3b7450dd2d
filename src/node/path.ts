import type { Connection } from '@libp2p/interface'

/** Where a link's packets go now. */
export interface LinkPath {
  readonly kind: 'relay' | 'direct'
  readonly transport: 'quic' | 'tcp' | 'ws'
  /** The address that our packets go to: the relay's on a relayed path. */
  readonly remote: string
}

/** Reads the path off a connection's remote address. */
export function pathOf(connection: Connection): LinkPath {
  const components = connection.remoteAddr.getComponents()
  const names = components.map(({ name }) => name)
  const host = components.find(({ name }) => name === 'ip4' || name === 'ip6' || name.startsWith('dns'))
  const port = components.find(({ name }) => name === 'udp' || name === 'tcp')
  const address = host?.name === 'ip6' ? `[${host.value}]` : (host?.value ?? '?')
  return {
    kind: names.includes('p2p-circuit') ? 'relay' : 'direct',
    transport: names.includes('quic-v1') ? 'quic' : names.includes('ws') || names.includes('wss') ? 'ws' : 'tcp',
    remote: `${address}:${port?.value ?? '?'}`
  }
}

/**
 * The connection that new streams go to: the one that won the last upgrade, or else the first direct one, because of
 * several that came up in one punch the others are closed again; else the newest relayed one.
 */
export function best(connections: readonly Connection[], winner?: Connection): Connection | undefined {
  const open = connections.filter(({ status }) => status === 'open')
  if (winner != null && open.includes(winner)) return winner
  return open.find(connection => pathOf(connection).kind === 'direct') ?? open.at(-1)
}
