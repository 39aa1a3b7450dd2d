import type { Colors } from '../output.ts'
import { DEFAULT_COLUMNS } from './look.ts'

/** A line on stderr that is written over while something goes on, and gone at the end. */
export interface Progress {
  show(text: string): void
  clear(): void
}

export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const CLEAR_LINE = '\r\x1b[2K'
/** How often the seconds are counted on. */
const TICK_MS = 200

/** @param shown  false: nothing is ever written; it is not where `stream` is no terminal either */
export function progressLine(stream: ProgressStream, shown: boolean, { dim }: Colors): Progress {
  if (!shown || stream.isTTY !== true) return { show() {}, clear() {} }
  const startMs = performance.now()
  let text = ''
  let timer: NodeJS.Timeout | undefined
  const write = () => {
    const seconds = ` ${((performance.now() - startMs) / 1000).toFixed(1)} s`
    // a line that wraps could not be cleared
    const room = (stream.columns || DEFAULT_COLUMNS) - seconds.length - 1
    stream.write(`${CLEAR_LINE}${text.slice(0, room)}${dim(seconds)}`)
  }
  return {
    show(next) {
      text = next
      timer ??= setInterval(write, TICK_MS)
      write()
    },
    clear() {
      clearInterval(timer)
      if (timer != null) stream.write(CLEAR_LINE)
      timer = undefined
    }
  }
}
