import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { DCUTR_PROTOCOL } from '../../wire/dcutr.ts'
import { PATH_PROTOCOL } from '../../wire/path.ts'

export const RETIRE = {
  /** The other side may just be opening a stream on it. */
  firstLookMs: 2_000,
  lookAgainMs: 1_000,
  /** Whoever still has streams on it by then needs it; its owner closes it. */
  patienceMs: 5 * 60_000,
  /** Streams that no application would miss. */
  housekeeping: ['/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/ipfs/ping/1.0.0', DCUTR_PROTOCOL, PATH_PROTOCOL]
} as const

/** Closes a connection that has become superfluous, once nothing runs on it. Never takes a stream away from anybody. */
export async function retire(connection: Connection, clock: Clock, signal: AbortSignal): Promise<void> {
  const untilMs = clock.now() + RETIRE.patienceMs
  const housekeeping: readonly string[] = RETIRE.housekeeping
  try {
    for (let waitMs: number = RETIRE.firstLookMs; clock.now() < untilMs; waitMs = RETIRE.lookAgainMs) {
      await sleep(clock, waitMs, signal)
      if (connection.status !== 'open') return
      // a stream without a protocol is one that is being negotiated
      if (connection.streams.every(({ protocol }) => housekeeping.includes(protocol))) {
        await connection.close()
        return
      }
    }
  } catch (error) {
    // the service stops, and then the node closes all its connections; or the close failed
    if (!signal.aborted) connection.abort(error as Error)
  }
}
