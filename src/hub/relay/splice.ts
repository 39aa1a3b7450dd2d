import type { Stream } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'

/**
 * Carries bytes one way, from one stream to the other, no faster than they are taken, and passes the end on.
 *
 * @param maxBytes beyond this both are aborted; 0: no limit
 */
export function forward(from: Stream, to: Stream, maxBytes: number): void {
  let bytes = 0
  const abort = (error: Error) => {
    from.abort(error)
    to.abort(error)
  }
  // a stream whose connection has just gone throws, and what a listener throws would end the hub
  const trying = (fn: () => void) => {
    try {
      fn()
    } catch (error) {
      abort(error as Error)
    }
  }
  to.addEventListener('drain', () => {
    trying(() => {
      if (from.readStatus === 'paused') from.resume()
    })
  })
  from.addEventListener('end', () => {
    if (from.status === 'open' || from.status === 'closed') void to.close().catch(abort)
  })
  from.addEventListener('close', ({ error }) => {
    if (error != null) to.abort(error)
  })
  from.addEventListener('message', ({ data }) => {
    bytes += data.byteLength
    if (maxBytes > 0 && bytes > maxBytes) {
      abort(new NatError('LIMIT', `a relayed connection may carry ${maxBytes} bytes each way`))
      return
    }
    if (to.writeStatus !== 'writable') return
    trying(() => {
      if (!to.send(data) && from.readStatus === 'readable') from.pause()
    })
  })
}
