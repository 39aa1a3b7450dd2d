import type { Connection, MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { closeGently } from './gentle-close.ts'

interface Outbound {
  /** Who we are on a connection that both sides dialled. @default 'client' */
  readonly role?: 'client' | 'server'
  /** Called when there is a connection, before anything is sent on it. */
  readonly onMet?: (() => void) | undefined
}

/**
 * An upgrader that gets our kind of connections out of `@libp2p/tcp`. As the server of one that both sides dialled, Noise and
 * multistream-select take their role from `initiator`, which js-libp2p's dial queue would lose, and yamux takes it from the
 * connection's direction.
 */
export function upgraderFor(upgrader: Upgrader, { role = 'client', onMet }: Outbound = {}): Upgrader {
  const upgradeInbound = (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeInbound']>[1]) =>
    upgrader.upgradeInbound(closeGently(connection), options)
  const upgradeOutbound = (
    connection: MultiaddrConnection,
    options: Parameters<Upgrader['upgradeOutbound']>[1]
  ): Promise<Connection> => {
    onMet?.()
    if (role === 'client') return upgrader.upgradeOutbound(closeGently(connection), options)
    connection.direction = 'inbound'
    return upgrader.upgradeOutbound(closeGently(connection), { ...options, initiator: false })
  }
  return new Proxy(upgrader, {
    get(target, name) {
      if (name === 'upgradeInbound') return upgradeInbound
      if (name === 'upgradeOutbound') return upgradeOutbound
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
