import type { WriteStream } from 'node:tty'
import colors from 'picocolors'
import { NatError } from '../core/errors.ts'

/** Exit codes of every command: scripts depend on them. */
export const EXIT = { done: 0, failed: 1, usage: 2, relayed: 3 } as const

export type Colors = ReturnType<typeof colors.createColors>

export interface Output {
  /** For the texts of `event`; without effect where stdout is no terminal. */
  readonly colors: Colors
  readonly json: boolean
  /** One event: a JSON line with --json, else the text, when there is one for people. */
  event(value: Record<string, unknown>, text?: string): void
  /** A line that the next one takes the place of. On a terminal only. */
  progress(text: string): void
}

/** Forgets what the terminal's current line shows. */
const CLEAR_LINE = '\r\x1b[2K'

export function output(json: boolean): Output {
  const write = (text: string) => process.stdout.write(`${process.stdout.isTTY ? CLEAR_LINE : ''}${text}\n`)
  return {
    colors: colorsFor(process.stdout),
    json,
    event(value, text) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`)
      else if (text != null) write(text)
    },
    progress(text) {
      if (!json && process.stdout.isTTY) process.stdout.write(`${CLEAR_LINE}${text}`)
    }
  }
}

/** picocolors itself looks at stdout only, and colours whatever CI there is: a file full of escapes serves nobody. */
function colorsFor(stream: Partial<WriteStream>): Colors {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  const wanted = FORCE_COLOR != null && FORCE_COLOR !== '' && FORCE_COLOR !== '0'
  const refused = NO_COLOR != null && NO_COLOR !== ''
  return colors.createColors(wanted || (!refused && stream.isTTY === true && TERM !== 'dumb'))
}

const USAGE: ReadonlySet<string> = new Set(['BAD_ADDRESS', 'BAD_OPTION', 'BAD_KEY'])

/** Says what went wrong in one line on stderr. @returns the exit code that fits */
export function explain(error: unknown): number {
  complain(error instanceof Error ? error.message : String(error))
  if (!(error instanceof NatError)) return EXIT.failed
  if (error.code === 'STILL_RELAYED') return EXIT.relayed
  return USAGE.has(error.code) ? EXIT.usage : EXIT.failed
}

/** One line on stderr, whatever the text has in it. */
export function complain(text: string): void {
  const line = text.trim().replace(/\s*\n\s*/g, ' ')
  process.stderr.write(`${colorsFor(process.stderr).red('beeline:')} ${line}\n`)
}

/** Whoever reads our output may go (`| head -1`): then there is nothing left to do, and nothing to say about it. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', error => {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
      process.exit(EXIT.done)
    })
  }
}

/** Ends the program when all that was written has left: a pipe is asynchronous on some systems. */
export async function exit(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>(resolve => stream.write('', () => resolve()))
  }
  process.exit(code)
}
