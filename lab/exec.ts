import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

/** What a program in a host printed is kept up to here; the rest is read and forgotten. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

export interface ExecResult {
  /** null when a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  /** The first 4 MiB. */
  stdout: string
  stderr: string
  /** Whether it was killed because it took longer than `timeoutMs`. */
  timedOut: boolean
}

export interface ExecOptions {
  cwd?: string
  /** In place of this process's own. */
  env?: NodeJS.ProcessEnv
  /** What it reads on its standard input. @default nothing */
  input?: string
  /** Then it is killed. @default 60,000 */
  timeoutMs?: number
  /** Kills it and rejects. */
  signal?: AbortSignal
}

/** Runs a spawned program to its end. @throws the reason of `signal`; Error when it cannot be started */
export function collect(child: ChildProcess, { input, timeoutMs = 60_000, signal }: ExecOptions): Promise<ExecResult> {
  const stdout = keep(child.stdout!)
  const stderr = keep(child.stderr!)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const abort = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  // a program that does not read its input is not an error of ours
  child.stdin!.on('error', () => {})
  child.stdin!.end(input)
  return new Promise<ExecResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, endedBy) => {
      if (signal?.aborted) reject(signal.reason as Error)
      else resolve({ code, signal: endedBy, stdout: stdout(), stderr: stderr(), timedOut })
    })
  }).finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  })
}

function keep(stream: Readable): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, MAX_OUTPUT_BYTES - bytes)
    bytes += kept.length
    if (kept.length > 0) chunks.push(kept)
  })
  return () => Buffer.concat(chunks).toString()
}
