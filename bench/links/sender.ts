import type { Stream } from '@libp2p/interface'
import { ACK_BYTES, BLOCKS, type Blocks, faultOfAck, Pieces } from './blocks.ts'
import { nowMs, tell, why } from './events.ts'

/** A stream whose blocks nobody acknowledges any more is given up: js-libp2p keeps one open for minutes whose packets go nowhere. */
const GIVE_UP_MS = 40_000
const BLOCK_MS = 1000 / BLOCKS.perSecond

/**
 * Sends blocks as the clock says until it is told to finish, and waits until all of them are acknowledged. What could not be sent in time is
 * sent as soon as it can be.
 *
 * @returns 'done', or 'broke' when the stream ended before that
 */
export async function sendBlocks(stream: Stream, content: Blocks, finish: AbortSignal): Promise<'done' | 'broke'> {
  const startMs = nowMs()
  const acks = new Pieces(ACK_BYTES)
  let sent = 0
  let acknowledged = 0
  let acknowledgedMs = startMs
  const { promise: ended, resolve: end } = Promise.withResolvers<Error | undefined>()
  stream.addEventListener('message', ({ data }) => {
    for (const bytes of acks.push(data.subarray())) {
      const fault = faultOfAck(bytes, acknowledged)
      if (fault !== undefined)
        tell({ event: 'wrong', atMs: nowMs(), what: `acknowledgement ${acknowledged} is ${fault}` })
      acknowledged++
      acknowledgedMs = nowMs()
    }
  })
  stream.addEventListener('close', ({ error }) => end(error ?? new Error('the stream was closed')), { once: true })
  const turn = () => {
    if (finish.aborted) {
      if (acknowledged === sent) end(undefined)
      return
    }
    const due = Math.floor((nowMs() - startMs) / BLOCK_MS)
    try {
      while (sent < due && !stream.writableNeedsDrain) stream.send(content.make(sent++))
    } catch (error) {
      end(error as Error)
    }
  }
  const timer = setInterval(() => {
    turn()
    if (nowMs() - acknowledgedMs > GIVE_UP_MS) end(new Error(`nothing was acknowledged for ${GIVE_UP_MS / 1000} s`))
  }, BLOCK_MS)
  // what is due, and was not taken, does not wait for the next tick
  stream.addEventListener('drain', turn)
  const error = await ended
  clearInterval(timer)
  stream.removeEventListener('drain', turn)
  if (error === undefined) {
    await stream.close().catch(() => {})
    tell({ event: 'done', atMs: nowMs(), blocks: sent })
    return 'done'
  }
  tell({ event: 'broke', atMs: nowMs(), error: why(error), unacknowledged: sent - acknowledged })
  stream.abort(error)
  return 'broke'
}
