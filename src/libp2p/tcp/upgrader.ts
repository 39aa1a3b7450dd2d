import type { Connection, MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { optimisticConnection } from '../optimistic.ts'
import type { Door } from './door.ts'
import { closeGently } from './gentle-close.ts'
import { handshake } from './simultaneous.ts'

export interface Outbound {
  /** Who we are on a connection that both sides dial; absent on others. */
  readonly role?: 'client' | 'server'
  /** Called when there is a connection, before anything is sent on it. */
  readonly onMet?: () => void
  /** Whether nothing stands between the socket and the negotiation, so that it can run ahead. */
  readonly bare?: boolean
}

/**
 * An upgrader that gets our kind of connections out of `@libp2p/tcp`. As the server of one that both sides dialled, Noise and
 * multistream-select take their role from `initiator`, which js-libp2p's dial queue would lose, and yamux takes it from the
 * connection's direction.
 *
 * @param door  takes the connections of links out of those that come in
 */
export function upgraderFor(upgrader: Upgrader, { role, onMet, bare = false }: Outbound = {}, door?: Door): Upgrader {
  const upgradeInbound = async (
    connection: MultiaddrConnection,
    options: Parameters<Upgrader['upgradeInbound']>[1]
  ): Promise<void> => {
    if (door != null && (await door.admits(connection))) return
    await upgrader.upgradeInbound(closeGently(connection), options)
  }
  const upgradeOutbound = (
    connection: MultiaddrConnection,
    options: Parameters<Upgrader['upgradeOutbound']>[1]
  ): Promise<Connection> => {
    // the only one that we can propose; the server of a connection that both sides dialled proposes nothing
    const [encrypter, ...others] = upgrader.getConnectionEncrypters().keys()
    const ahead = bare && role !== 'server' && encrypter != null && others.length === 0
    const ours = closeGently(ahead ? optimisticConnection(connection, encrypter) : connection)
    onMet?.()
    if (role == null) return upgrader.upgradeOutbound(ours, options)
    if (role === 'server') connection.direction = 'inbound'
    const roles = role === 'server' ? { ...options, initiator: false } : options
    return handshake(ours, role, () => upgrader.upgradeOutbound(ours, roles))
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
