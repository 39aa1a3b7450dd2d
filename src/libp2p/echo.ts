import type { Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import type { Clock } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import { PING_BYTES } from './round-trips.ts'

/** A stream of pings on which nothing comes for so long is not used any more. */
export const ECHO_IDLE_MS = 180_000

/**
 * Answers the pings of one stream, for as long as its opener likes. (js-libp2p's own service ends each stream after ten seconds.)
 *
 * @param onPing called with each
 */
export async function echo(stream: Stream, clock: Clock, onPing: () => void, signal: AbortSignal): Promise<void> {
  const bytes = byteStream(stream, { maxBufferSize: 4 * PING_BYTES })
  try {
    for (;;) {
      const ping = await withDeadline(clock, ECHO_IDLE_MS, 'a ping', signal, limit =>
        bytes.read({ bytes: PING_BYTES, signal: limit })
      )
      onPing()
      await bytes.write(ping, { signal })
    }
  } catch (error) {
    // its opener has said its last word, or has gone
    if (stream.remoteWriteStatus === 'closed' && !signal.aborted) await stream.close().catch(() => {})
    stream.abort(error as Error)
  }
}
