import type { Connection, NewStreamOptions, Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import type { Clock } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import type { EagerOptions } from '../optimistic.ts'
import { PING, PING_BYTES } from '../round-trips.ts'

/**
 * Whether bytes go both ways: every libp2p answers a ping, by an echo or by saying that it does not know it. A handshake that ended on our side may not have ended on the other, and a path that
 * carried small packets may carry none now.
 */
export async function carriesBytes(
  connection: Connection,
  tools: { readonly clock: Clock; readonly random: Random },
  ms: number,
  signal: AbortSignal
): Promise<boolean> {
  let stream: Stream | undefined
  try {
    await withDeadline(tools.clock, ms, `a ping over ${connection.remoteAddr}`, signal, async limit => {
      const options: NewStreamOptions & EagerOptions = { signal: limit, runOnLimitedConnection: true, eager: true }
      const opened = await connection.newStream(PING, options)
      // given up while it was opened: nobody else closes it
      if (limit.aborted) return opened.abort(limit.reason)
      stream = opened
      const bytes = byteStream(opened, { maxBufferSize: 4 * PING_BYTES })
      await bytes.write(tools.random.bytes(PING_BYTES), { signal: limit })
      await bytes.read({ bytes: PING_BYTES, signal: limit })
    })
    // not `close`, which waits for the other side: until then js-libp2p would refuse the application's own ping
    stream?.abort(new Error('the path is proved'))
    return true
  } catch (error) {
    const { name, code } = error as { name?: string; code?: unknown }
    const answered = code === UNSUPPORTED || ANSWERS.has(name ?? '') || stream?.status === 'reset'
    stream?.abort(error as Error)
    return answered && connection.status === 'open'
  }
}

/** What our optimistic negotiation says when the other side does not speak ping. */
const UNSUPPORTED: ErrorCode = 'UNSUPPORTED'

/** Failures that only an answer can cause (the last is ours, raised after the other side had agreed to the protocol). */
const ANSWERS = new Set(['UnsupportedProtocolError', 'StreamResetError', 'TooManyOutboundProtocolStreamsError'])
