import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { createClient } from '@redis/client'
import { freePort } from '../../src/hub/free-port.ts'
import { LOAD_CORE, onCore } from './cores.ts'

export interface Redis {
  readonly url: string
  /** All that it keeps in memory. */
  bytes(): Promise<number>
  cpuSeconds(): Promise<number>
  stop(): Promise<void>
}

/** A server of its own, which writes all down as it would in earnest. @param folder for its file */
export async function startRedis(folder: string): Promise<Redis> {
  const port = await freePort('127.0.0.1')
  const [program, ...args] = onCore(LOAD_CORE, [
    'redis-server',
    ...['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder],
    ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec']
  ])
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const exit = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  for await (const line of lines) if (line.includes('Ready to accept connections')) break
  child.stdout.resume()
  const url = `redis://127.0.0.1:${port}`
  const client = createClient({ url })
  client.on('error', () => {})
  await client.connect()
  return {
    url,
    bytes: async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]),
    async cpuSeconds() {
      // in microseconds, where the system shows others hundredths of a second
      const cpu = await client.info('cpu')
      const of = (field: string) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(cpu)?.[1])
      return of('used_cpu_user') + of('used_cpu_sys')
    },
    async stop() {
      client.destroy()
      child.kill('SIGKILL')
      await exit
    }
  }
}
