import type { Connection } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { type Clock, sleep } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'

/** The streams of a connection may end in their own time for so long: js-libp2p gives them as much when it stops. */
const CLOSE_MS = 500

/**
 * The engine cannot be seen sending. Connections that were closed just before still have their CONNECTION_CLOSE to send, through threads of the
 * engine's and the switch's; without it the other side would wait for the idle timeout. Those of links go through the main thread, too.
 */
export const GOODBYE_MS = 25

/** For what a link still has to say, on a machine that is busy. */
const LAST_WORDS_MS = 500

const lastWords = new WeakMap<Connection, () => Promise<void>>()

/** What a connection says at its end goes through others: `said` resolves when it has left us. */
export function hasLastWords(connection: Connection, said: () => Promise<void>): void {
  lastWords.set(connection, said)
}

/**
 * Closes all connections while there are still sockets to do it by: js-libp2p stops its parts all at once. Relayed ones first, because what they
 * say goes by the others.
 */
export async function goodbye(connections: Pick<ConnectionManager, 'getConnections'>, clock: Clock): Promise<void> {
  const all = connections.getConnections()
  for (const direct of [false, true]) {
    const some = all.filter(({ remoteAddr }) => remoteAddr.toString().includes('/p2p-circuit') !== direct)
    await Promise.all(some.map(connection => close(connection, clock)))
    const said = () => Promise.all(some.map(connection => lastWords.get(connection)?.()))
    await withDeadline(clock, LAST_WORDS_MS, 'the last words of links', undefined, said).catch(() => {})
    if (all.length > 0) await sleep(clock, GOODBYE_MS)
  }
}

async function close(connection: Connection, clock: Clock): Promise<void> {
  const work = (signal: AbortSignal) => connection.close({ signal })
  await withDeadline(clock, CLOSE_MS, 'the end of a connection', undefined, work).catch(error =>
    connection.abort(error)
  )
}
