import type { ComponentLogger, Connection, Startable } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { type Clock, realClock, sleep } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { type Random, secureRandom } from '../core/random.ts'
import { carriesBytes } from './dcutr/prove.ts'

export const LIVENESS = {
  /** Also what keeps the mapping of a relay's connection alive: bad routers forget one after 30 s. */
  everyMs: 10_000,
  /** Through a relay's queue and a lost packet or two. */
  answerMs: 5_000,
  /** Where there is reason to doubt: some round trips. */
  doubtMs: 1_500
} as const

export interface LivenessOptions {
  /** Connections that see to it themselves. */
  readonly spares: (connection: Connection) => boolean
  /** @default the machine's */
  readonly clock?: Clock
  /** @default secure */
  readonly random?: Random
}

export interface Liveness extends Startable {
  /** Asks those connections now, and aborts at once the ones that are silent. */
  doubt(fits: (connection: Connection) => boolean): void
}

export interface LivenessComponents {
  readonly connectionManager: Pick<ConnectionManager, 'getConnections'>
  readonly logger: ComponentLogger
}

/**
 * Asks all connections for a sign of life, and aborts those that give none, as js-libp2p's connection monitor does, which has to be turned
 * off. That one asks links, too: an idle link would send packets every ten seconds, and end in a silence that it would have outlived on another path.
 */
export function liveness({
  spares,
  clock = realClock,
  random = secureRandom
}: LivenessOptions): (components: LivenessComponents) => Liveness {
  return ({ connectionManager, logger }) => {
    const log = logger.forComponent('beeline:liveness')
    let asked = new WeakSet<Connection>()
    let doubted = new WeakSet<Connection>()
    let stopping = new AbortController()
    const ask = async (connection: Connection, answerMs: number, already: WeakSet<Connection>) => {
      if (already.has(connection) || spares(connection)) return
      already.add(connection)
      const { signal } = stopping
      const startMs = clock.now()
      const lives = await carriesBytes(connection, { clock, random }, answerMs, signal)
      already.delete(connection)
      if (lives) connection.rtt = clock.now() - startMs
      else if (!signal.aborted && connection.status === 'open') {
        log('nothing comes back from %p at %a', connection.remotePeer, connection.remoteAddr)
        connection.abort(new NatError('TIMEOUT', `${connection.remoteAddr} gave no sign of life`))
      }
    }
    const run = async (signal: AbortSignal) => {
      for (;;) {
        await sleep(clock, LIVENESS.everyMs, signal)
        for (const each of connectionManager.getConnections()) void ask(each, LIVENESS.answerMs, asked)
      }
    }
    return {
      start() {
        stopping = new AbortController()
        asked = new WeakSet()
        doubted = new WeakSet()
        run(stopping.signal).catch(() => {})
      },
      stop() {
        stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
      },
      doubt(fits) {
        for (const each of connectionManager.getConnections()) {
          if (fits(each)) void ask(each, LIVENESS.doubtMs, doubted)
        }
      }
    }
  }
}
