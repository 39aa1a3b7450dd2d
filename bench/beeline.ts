import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
/** What `npm run build` makes of it, and npm installs. */
const BUILT = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const READY_MS = 20_000

export interface Ready {
  readonly id: string
  readonly addrs: readonly string[]
}

/** The command line of the product, in this checkout. */
export function beeline(...args: string[]): [string, ...string[]] {
  return [process.execPath, MAIN, ...args, '--json']
}

export function builtBeeline(...args: string[]): [string, ...string[]] {
  return [process.execPath, BUILT, ...args, '--json']
}

/** Waits for the first line that a `hub` or `up` prints. @throws Error with what it said instead */
export async function whenReady(child: ChildProcess, signal: AbortSignal): Promise<Ready> {
  const { promise, resolve, reject } = Promise.withResolvers<Ready>()
  let out = ''
  let errors = ''
  const onAbort = () => reject(signal.reason)
  child.stdout?.setEncoding('utf8').on('data', function onData(text: string) {
    out += text
    if (!out.includes('\n')) return
    // the stream flows on, so that the child never waits for us
    child.stdout?.off('data', onData)
    resolve(JSON.parse(out.slice(0, out.indexOf('\n'))))
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  child.once('error', reject)
  child.once('close', code => reject(new Error(`beeline ended with code ${code}: ${errors.trim()}`)))
  signal.addEventListener('abort', onAbort)
  const timer = setTimeout(() => reject(new Error(`beeline was not ready within ${READY_MS / 1000} s`)), READY_MS)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/** Aborts on Ctrl-C or when the program is asked to end, so that what was opened is closed; a second time it just ends. */
export function untilInterrupted(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`stopped by ${name}`)))
  }
  return controller.signal
}
