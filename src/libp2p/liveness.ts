import type { ComponentLogger, Connection, Startable } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { type Clock, realClock, sleep } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { type Random, secureRandom } from '../core/random.ts'
import { carriesBytes } from './dcutr/prove.ts'
import { isQuicDialable } from './quic/address.ts'

export const LIVENESS = {
  /** A NAT that has restarted makes its peers' hub connections deaf: that is noticed 6 to 11 s later over QUIC, and the hub is connected to anew. */
  hubEveryMs: 5_000,
  /** Also what keeps the mapping of a relayed connection alive: bad routers forget one after 30 s. */
  everyMs: 15_000,
  /** Through a queue and a lost packet or two. */
  answerMs: 3_000,
  /** Where a ping waits behind everything else that is on its way: QUIC has streams of their own for that, TCP has not. */
  queuedAnswerMs: 5_000,
  /** Where there is reason to doubt: some round trips. */
  doubtMs: 1_500
} as const

export interface LivenessOptions {
  /** Connections that see to it themselves. */
  readonly spares: (connection: Connection) => boolean
  /** Ids of the peers through which others reach us: they are asked more often. @default nobody */
  readonly hubs?: ReadonlySet<string>
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
  hubs = new Set(),
  clock = realClock,
  random = secureRandom
}: LivenessOptions): (components: LivenessComponents) => Liveness {
  return ({ connectionManager, logger }) => {
    const log = logger.forComponent('beeline:liveness')
    let asked = new WeakSet<Connection>()
    let doubted = new WeakSet<Connection>()
    let stopping = new AbortController()
    const isHub = ({ direct, remotePeer }: Connection) => direct && hubs.has(remotePeer.toString())
    /** @param patiences how long each question's answer may take */
    const ask = async (connection: Connection, patiences: readonly number[], already: WeakSet<Connection>) => {
      if (already.has(connection) || spares(connection)) return
      already.add(connection)
      const { signal } = stopping
      let lives = false
      for (const answerMs of patiences) {
        const startMs = clock.now()
        lives = await carriesBytes(connection, { clock, random }, answerMs, signal)
        if (lives) connection.rtt = clock.now() - startMs
        if (lives || signal.aborted || connection.status !== 'open') break
      }
      already.delete(connection)
      if (lives || signal.aborted || connection.status !== 'open') return
      log('nothing comes back from %p at %a', connection.remotePeer, connection.remoteAddr)
      connection.abort(new NatError('TIMEOUT', `${connection.remoteAddr} gave no sign of life`))
    }
    const run = async (everyMs: number, whom: (connection: Connection) => boolean, signal: AbortSignal) => {
      for (;;) {
        await sleep(clock, everyMs, signal)
        for (const each of connectionManager.getConnections()) if (whom(each)) void ask(each, patienceWith(each), asked)
      }
    }
    return {
      start() {
        stopping = new AbortController()
        asked = new WeakSet()
        doubted = new WeakSet()
        run(LIVENESS.hubEveryMs, isHub, stopping.signal).catch(() => {})
        run(LIVENESS.everyMs, connection => !isHub(connection), stopping.signal).catch(() => {})
      },
      stop() {
        stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
      },
      doubt(fits) {
        for (const each of connectionManager.getConnections()) {
          if (fits(each)) void ask(each, [LIVENESS.doubtMs], doubted)
        }
      }
    }
  }
}

/** Who does not answer is asked again at once, and given up if that is in vain, too. */
function patienceWith({ direct, remoteAddr }: Connection): readonly number[] {
  const answerMs = direct && isQuicDialable(remoteAddr) ? LIVENESS.answerMs : LIVENESS.queuedAnswerMs
  return [answerMs, answerMs]
}
