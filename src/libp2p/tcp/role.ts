import type { Connection, MultiaddrConnection, Upgrader } from '@libp2p/interface'

/**
 * An upgrader for a connection that both sides dialled. As its server, Noise and multistream-select take their role from
 * `initiator`, which js-libp2p's dial queue would lose, and yamux takes it from the connection's direction.
 *
 * @param onMet  called when there is a connection, before anything is sent on it
 */
export function upgraderFor(upgrader: Upgrader, role: 'client' | 'server', onMet?: () => void): Upgrader {
  return new Proxy(upgrader, {
    get(target, name) {
      if (name !== 'upgradeOutbound') return Reflect.get(target, name, target)
      return (
        connection: MultiaddrConnection,
        options: Parameters<Upgrader['upgradeOutbound']>[1]
      ): Promise<Connection> => {
        onMet?.()
        if (role === 'client') return target.upgradeOutbound(connection, options)
        connection.direction = 'inbound'
        return target.upgradeOutbound(connection, { ...options, initiator: false })
      }
    }
  })
}
