import colors from 'picocolors'
import { NatError } from '../core/errors.ts'

/** Exit codes of every command (the contract in docs/decisions.md). */
export const EXIT = { done: 0, failed: 1, usage: 2, relayed: 3 } as const

export interface Output {
  /** One event: a JSON line with --json, else the text, when there is one for people. */
  event(value: Record<string, unknown>, text?: string): void
}

export function output(json: boolean): Output {
  return {
    event(value, text) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`)
      else if (text != null) process.stdout.write(`${text}\n`)
    }
  }
}

/** Says what went wrong in one line on stderr. @returns the exit code that fits */
export function explain(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${colors.red('beeline:')} ${message}\n`)
  if (!(error instanceof NatError)) return EXIT.failed
  if (error.code === 'STILL_RELAYED') return EXIT.relayed
  return error.code === 'BAD_ADDRESS' || error.code === 'BAD_KEY' ? EXIT.usage : EXIT.failed
}

/** Resolves when the person or the system asks the program to end. */
export function untilStopped(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
