import type { Connection } from '@libp2p/interface'
import type { LinkSession } from '../libp2p/links/session.ts'
import { type LinkPath, pathOfAddress } from '../libp2p/path.ts'

export type { LinkPath } from '../libp2p/path.ts'

/** Where a connection's packets go: a link knows, of others their remote address tells. */
export function pathOf(connection: Connection, session?: LinkSession): LinkPath {
  const { kind, transport, remote } = session?.path ?? pathOfAddress(connection.remoteAddr)
  return { kind, transport, remote }
}

/**
 * The connection that new streams go to: a link on a direct path; else the one that won the last upgrade, or the first direct one, because
 * of several that came up in one punch the others are closed again; else a link, which goes direct by itself; else the newest relayed one. A link
 * that hears nothing at the moment comes last.
 *
 * @param self our own id
 * @param sessionOf the link that a connection is, if it is one
 */
export function best(
  self: string,
  connections: readonly Connection[],
  sessionOf: (connection: Connection) => LinkSession | undefined,
  winner?: Connection
): Connection | undefined {
  const open = connections.filter(({ status }) => status === 'open')
  const links = open.filter(connection => sessionOf(connection) != null).sort(byDialler(self))
  const direct = (connection: Connection) => pathOf(connection, sessionOf(connection)).kind === 'direct'
  const won = winner != null && open.includes(winner) ? winner : undefined
  const alive = (connection: Connection) => sessionOf(connection)?.isCutOff !== true
  const going = links.filter(alive)
  return going.find(direct) ?? won ?? open.filter(alive).find(direct) ?? going[0] ?? links[0] ?? open.at(-1)
}

/** Where both sides have dialled there are two links, and both sides take the same: that of the peer with the smaller id. */
function byDialler(self: string): (a: Connection, b: Connection) => number {
  const rank = ({ direction, remotePeer }: Connection) =>
    (direction === 'outbound') === self < remotePeer.toString() ? 0 : 1
  return (a, b) => rank(a) - rank(b)
}
