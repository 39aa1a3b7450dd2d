import type { ComponentLogger, Connection, Startable, Stream } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import { type Clock, realClock, sleep } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { type Random, secureRandom } from '../core/random.ts'
import { preferred } from './circuit/connect.ts'
import { echo } from './echo.ts'
import { PingStream } from './ping-stream.ts'
import { isQuicDialable } from './quic/address.ts'
import { PING } from './round-trips.ts'

export const LIVENESS = {
  /**
   * The connection by which a hub reaches us. A NAT that has restarted makes it deaf: that is noticed 6 to 11 s later over QUIC, and the hub is
   * connected to anew.
   */
  hubEveryMs: 5_000,
  /** Also what keeps the mapping of a relayed connection alive: bad routers forget one after 30 s. */
  everyMs: 15_000,
  /** A further connection to a hub, by which that sees our other sockets: QUIC keeps itself alive, and mappings of TCP live for minutes. */
  spareEveryMs: 60_000,
  /** Through a queue and a lost packet or two. */
  answerMs: 3_000,
  /** Where a ping waits behind everything else that is on its way: QUIC has streams of their own for that, TCP has not. */
  queuedAnswerMs: 5_000,
  /** Where there is reason to doubt: some round trips. */
  doubtMs: 1_500
} as const

export interface LivenessOptions {
  /** Connections that see to it themselves. @default none */
  readonly spares?: (connection: Connection) => boolean
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
  readonly registrar: Pick<Registrar, 'handle' | 'unhandle'>
  readonly logger: ComponentLogger
}

/** When the other side asked last, and how long after the time before. */
interface AskedUs {
  readonly lastMs: number
  readonly paceMs: number
}

/**
 * Asks all connections for a sign of life, and aborts those that give none, as js-libp2p's connection monitor does, which has to be turned
 * off. That one asks links, too: an idle link would send packets every ten seconds, and end in a silence that it would have outlived on another path. And it
 * answers others who ask, in place of js-libp2p's ping: who has dialled us and asks at a steady pace lives, and is not asked in turn.
 */
export function liveness({
  spares = () => false,
  hubs = new Set(),
  clock = realClock,
  random = secureRandom
}: LivenessOptions = {}): (components: LivenessComponents) => Liveness {
  return ({ connectionManager, registrar, logger }) => {
    const log = logger.forComponent('beeline:liveness')
    let asked = new WeakSet<Connection>()
    let doubted = new WeakSet<Connection>()
    let streams = new WeakMap<Connection, PingStream>()
    const askedUs = new WeakMap<Connection, AskedUs>()
    let stopping = new AbortController()
    const streamOf = (connection: Connection): PingStream => {
      const known = streams.get(connection) ?? new PingStream(connection, { clock, random })
      streams.set(connection, known)
      return known
    }
    /** @param patiences how long each question's answer may take */
    const ask = async (connection: Connection, patiences: readonly number[], already: WeakSet<Connection>) => {
      if (already.has(connection) || spares(connection)) return
      already.add(connection)
      const { signal } = stopping
      let lives = false
      for (const answerMs of patiences) {
        const startMs = clock.now()
        lives = await streamOf(connection).answers(answerMs, signal)
        if (lives) connection.rtt = clock.now() - startMs
        if (lives || signal.aborted || connection.status !== 'open') break
      }
      already.delete(connection)
      if (lives || signal.aborted || connection.status !== 'open') return
      log('nothing comes back from %p at %a', connection.remotePeer, connection.remoteAddr)
      connection.abort(new NatError('TIMEOUT', `${connection.remoteAddr} gave no sign of life`))
    }
    const paceOf = (connection: Connection, all: readonly Connection[]): number => {
      const { direct, remotePeer } = connection
      if (!direct || !hubs.has(remotePeer.toString())) return LIVENESS.everyMs
      const toHub = all.filter(each => each.remotePeer.toString() === remotePeer.toString())
      // how far a hub is, links want to know soon
      const often = preferred(toHub) === connection || connection.rtt == null
      return often ? LIVENESS.hubEveryMs : LIVENESS.spareEveryMs
    }
    const onPing = (connection: Connection) => {
      const nowMs = clock.now()
      askedUs.set(connection, { lastMs: nowMs, paceMs: nowMs - (askedUs.get(connection)?.lastMs ?? nowMs) })
    }
    /** They ask us: at their pace, so they live. Who has dialled asks in any case, or both might wait for each other. */
    const asks = (connection: Connection): boolean => {
      const known = askedUs.get(connection)
      if (known == null || connection.direction === 'outbound') return false
      const quietMs = Math.min(2 * known.paceMs, 2 * LIVENESS.spareEveryMs)
      return clock.now() - known.lastMs < Math.max(quietMs, 2 * LIVENESS.hubEveryMs)
    }
    const run = async (signal: AbortSignal) => {
      for (let turn = 1; ; turn++) {
        await sleep(clock, LIVENESS.hubEveryMs, signal)
        const all = connectionManager.getConnections()
        for (const each of all) {
          const isTurn = (turn * LIVENESS.hubEveryMs) % paceOf(each, all) === 0
          if (isTurn && !asks(each)) void ask(each, patienceWith(each), asked)
        }
      }
    }
    return {
      async start() {
        stopping = new AbortController()
        asked = new WeakSet()
        doubted = new WeakSet()
        streams = new WeakMap()
        const { signal } = stopping
        const answer = (stream: Stream, connection: Connection) =>
          void echo(stream, clock, () => onPing(connection), signal)
        // a sign of life, an examination and the application may ask at the same time
        await registrar.handle(PING, answer, {
          runOnLimitedConnection: true,
          maxInboundStreams: 4,
          maxOutboundStreams: 4
        })
        run(signal).catch(() => {})
      },
      async stop() {
        stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
        for (const connection of connectionManager.getConnections()) streams.get(connection)?.close()
        await registrar.unhandle(PING)
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
