import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Toll } from './traffic.ts'

/**
 * Carries bytes one way, from one stream to the other, no faster than they are taken and than the toll lets them pass, and passes the end on.
 * What may not pass yet is not read either, so the sender's window fills, and it slows down.
 */
export function forward(from: Stream, to: Stream, toll: Toll, clock: Clock): void {
  // what has been read and may not go on yet: one read at most
  const held = new Uint8ArrayList()
  let waiting: Timer | undefined
  let notBeforeMs = Number.NEGATIVE_INFINITY
  let isFull = false
  let hasEnded = false
  let isClosing = false
  const stop = () => {
    waiting?.cancel()
    waiting = undefined
    held.consume(held.byteLength)
  }
  const abort = (error: Error) => {
    stop()
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
  const send = (data: Uint8Array | Uint8ArrayList) => {
    const waitMs = toll.pass(data.byteLength)
    if (waitMs > 0) notBeforeMs = clock.now() + waitMs
    isFull = !to.send(data)
  }
  const close = () => {
    if (isClosing) return
    isClosing = true
    void to.close().catch(abort)
  }
  /** @returns whether nothing more is to be read now */
  const holdUp = (): boolean => {
    const isHeldUp = isFull || held.byteLength > 0
    if (isHeldUp && from.readStatus === 'readable') from.pause()
    return isHeldUp
  }
  /** Sends what may be sent, and reads on when nothing is left. */
  const pump = () => {
    if (to.writeStatus !== 'writable') stop()
    while (held.byteLength > 0 && !isFull && waiting == null) {
      const waitMs = notBeforeMs - clock.now()
      if (waitMs > 0) {
        waiting = clock.after(waitMs, () => {
          waiting = undefined
          trying(pump)
        })
        break
      }
      const bytes = Math.min(toll.pieceBytes, held.byteLength)
      const piece = held.sublist(0, bytes)
      held.consume(bytes)
      send(piece)
    }
    if (holdUp()) return
    if (hasEnded) close()
    else if (from.readStatus === 'paused') from.resume()
  }
  const onRoom = () => {
    isFull = false
    trying(pump)
  }
  to.addEventListener('drain', onRoom)
  // what still comes in goes nowhere
  to.addEventListener('close', onRoom)
  from.addEventListener('end', () => {
    if (from.status !== 'open' && from.status !== 'closed') return
    hasEnded = true
    if (held.byteLength === 0) close()
  })
  from.addEventListener('close', ({ error }) => {
    if (error == null) return
    stop()
    to.abort(error)
  })
  from.addEventListener('message', ({ data }) => {
    if (to.writeStatus !== 'writable') return
    trying(() => {
      if (held.byteLength === 0 && !isFull && toll.pieceBytes === Number.POSITIVE_INFINITY) {
        send(data)
        holdUp()
      } else {
        held.append(data)
        pump()
      }
    })
  })
}
