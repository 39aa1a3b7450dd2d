import type { Stream } from '@libp2p/interface'
import { ack, BLOCKS, type Blocks, Pieces } from './blocks.ts'
import { nowMs, tell } from './events.ts'

/** Blocks come every 10 ms. What is shorter than this may as well be a program that waits for its turn. */
export const GAP_MS = 50
/** How often to tell how many blocks have come. */
const TELL_MS = 100

/** Takes streams of blocks, one after the other, and tells of every gap, also of one between two streams. */
export function receiver(content: Blocks): (stream: Stream) => void {
  let streams = 0
  let lastBlockMs: number | undefined
  return stream => {
    const pieces = new Pieces(BLOCKS.bytes)
    let blocks = 0
    let toldMs = 0
    let isWrong = false
    const take = (bytes: Uint8Array) => {
      // after one that is wrong nothing can be said of the others
      if (isWrong) return
      const atMs = nowMs()
      const fault = content.fault(bytes, blocks)
      if (fault !== undefined) {
        isWrong = true
        tell({ event: 'wrong', atMs, what: `block ${blocks} is ${fault}` })
        return
      }
      if (lastBlockMs !== undefined && atMs - lastBlockMs >= GAP_MS) {
        tell({ event: 'gap', fromMs: lastBlockMs, ms: atMs - lastBlockMs, block: blocks })
      }
      lastBlockMs = atMs
      stream.send(ack(blocks++))
      if (atMs - toldMs >= TELL_MS) {
        toldMs = atMs
        tell({ event: 'blocks', atMs, count: blocks })
      }
    }
    tell({ event: 'stream', atMs: nowMs(), number: ++streams })
    stream.addEventListener('message', ({ data }) => {
      for (const bytes of pieces.push(data.subarray())) take(bytes)
    })
    stream.addEventListener('remoteCloseWrite', () => {
      tell({ event: 'done', atMs: nowMs(), blocks })
      stream.close().catch(() => {})
    })
  }
}
