import { randomBytes } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { NatError } from '../core/errors.ts'
import type { Link } from '../node/link.ts'
import type { Node } from '../node/node.ts'
import type { LinkPath } from '../node/path.ts'

/**
 * The measuring protocol: the client sends as many bytes as it likes and ends its half of the stream. The other side
 * counts them, answers the count as an unsigned 64-bit integer, big-endian, and ends the stream. What the bytes are does
 * not matter.
 */
export const PERF_PROTOCOL = '/beeline/perf/1.0.0'

export const PERF = {
  /** More than 10 GB on one stream is no measurement: the side that counts resets it. */
  maxBytes: 10_000_000_000,
  /** A stream on which nothing moves for so long is given up, by either side. */
  idleMs: 30_000,
  writeBytes: 64 * 1024
} as const

const COUNT_BYTES = 8

export interface PerfResult {
  readonly path: LinkPath
  /** From the first write to the answer. */
  readonly ms: number
}

/** Counts what others send. */
export async function answerPerf(node: Node, limits: { readonly maxBytes: number; readonly idleMs: number } = PERF) {
  await node.handle(PERF_PROTOCOL, async stream => {
    const watch = watchdog(limits.idleMs, error => stream.abort(error))
    try {
      let bytes = 0
      for await (const chunk of stream) {
        bytes += chunk.byteLength
        if (bytes > limits.maxBytes) throw new NatError('LIMIT', `more than ${limits.maxBytes} bytes on one stream`)
        watch.moved()
      }
      const answer = Buffer.alloc(COUNT_BYTES)
      answer.writeBigUInt64BE(BigInt(bytes))
      stream.send(answer)
      await stream.close()
    } catch (error) {
      stream.abort(error as Error)
    } finally {
      watch.stop()
    }
  })
}

/**
 * Sends `bytes` bytes over a new stream on the link's best path, and waits until the other side has counted them.
 *
 * @param onProgress  called with the bytes that have been handed over so far
 * @throws NatError LINK_CLOSED, UNSUPPORTED, TIMEOUT when nothing moves, MALFORMED; the signal's reason
 */
export async function measure(
  link: Link,
  bytes: number,
  signal: AbortSignal,
  onProgress: (sent: number) => void = () => {}
): Promise<PerfResult> {
  const stream = await link.openStream(PERF_PROTOCOL, { signal })
  const path = link.path ?? { kind: 'relay', transport: 'quic', remote: '?' }
  const onAbort = () => stream.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const watch = watchdog(PERF.idleMs, error => stream.abort(error))
  try {
    const answers = byteStream(stream)
    const chunk = randomBytes(PERF.writeBytes)
    const startMs = performance.now()
    for (let sent = 0; sent < bytes; ) {
      const size = Math.min(chunk.length, bytes - sent)
      if (!stream.send(size === chunk.length ? chunk : chunk.subarray(0, size))) await drained(stream)
      sent += size
      watch.moved()
      onProgress(sent)
    }
    await stream.close()
    const answer = await answers.read({ bytes: COUNT_BYTES })
    const counted = Number(Buffer.from(answer.subarray()).readBigUInt64BE())
    if (counted !== bytes) throw new NatError('MALFORMED', `the other side counted ${counted} bytes of ${bytes}`)
    return { path, ms: performance.now() - startMs }
  } catch (error) {
    signal.throwIfAborted()
    stream.abort(error as Error)
    throw error
  } finally {
    watch.stop()
    signal.removeEventListener('abort', onAbort)
  }
}

/** Waits for the event itself: js-libp2p's `onDrain()` stays resolved for good after the first time. */
function drained(stream: Stream): Promise<void> {
  if (!stream.writableNeedsDrain) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      stream.removeEventListener('close', onClose)
      resolve()
    }
    const onClose = ({ error }: { error?: Error }) => {
      stream.removeEventListener('drain', onDrain)
      reject(error ?? new NatError('LINK_CLOSED', 'the other side closed the stream'))
    }
    stream.addEventListener('drain', onDrain, { once: true })
    stream.addEventListener('close', onClose, { once: true })
  })
}

function watchdog(idleMs: number, onIdle: (error: NatError) => void): { moved(): void; stop(): void } {
  const timer = setTimeout(() => onIdle(new NatError('TIMEOUT', `nothing moved for ${idleMs / 1000} s`)), idleMs)
  return { moved: () => timer.refresh(), stop: () => clearTimeout(timer) }
}
