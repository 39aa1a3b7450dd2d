import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('acknowledging.ts', import.meta.url))

/** Lets a process put records, and kills it when it has acknowledged so many. @returns the numbers that it has acknowledged */
export async function killedWhilePutting(
  url: string,
  folder: string,
  count: number,
  env: NodeJS.ProcessEnv = {}
): Promise<readonly number[]> {
  const child = spawn(process.execPath, [program, url, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env }
  })
  let out = ''
  let err = ''
  child.stderr.on('data', data => {
    err += data
  })
  child.stdout.on('data', data => {
    out += data
    if (out.split('\n').length > count) child.kill('SIGKILL')
  })
  await once(child, 'close')
  // on Node 22 it would say that SQLite is an experiment
  if (err !== '') throw new Error(err)
  // the last line may be cut off
  return out.split('\n').slice(0, -1).map(Number)
}
