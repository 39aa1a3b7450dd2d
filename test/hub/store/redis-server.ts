import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { missingTools } from '../../../lab/provide.ts'

const missing = missingTools({ 'redis-server': 'redis-server' })

/** For `test(name, { skip: NO_REDIS }, …)`. */
export const NO_REDIS = missing.length > 0 ? 'no redis-server (Debian: redis-server)' : false

const HOST = '127.0.0.1'

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A redis-server of the test's own, which keeps what it has acknowledged when it is killed. */
export class RedisServer {
  readonly port: number
  readonly #folder: string
  readonly #args: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port
    this.#folder = folder
    this.#args = args
  }

  static async start(...args: readonly string[]): Promise<RedisServer> {
    const [port = 0] = await freePorts(1)
    const server = await RedisServer.stopped(port, ...args)
    await server.resume()
    return server
  }

  /** One that does not run yet. */
  static async stopped(port: number, ...args: readonly string[]): Promise<RedisServer> {
    return new RedisServer(port, await mkdtemp(join(tmpdir(), 'beeline-redis-')), args)
  }

  get url(): string {
    return `redis://${HOST}:${this.port}`
  }

  /** Starts the program, with what the one before has kept. */
  async resume(): Promise<void> {
    const files = ['--dir', this.#folder, '--save', '', '--appendonly', 'yes', '--logfile', join(this.#folder, 'log')]
    const args = ['--port', `${this.port}`, '--bind', HOST, '--daemonize', 'no', ...files, ...this.#args]
    const child = spawn('redis-server', args, { stdio: 'ignore' })
    this.#process = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    await this.#answers(child).catch(async error => {
      await this.stop()
      throw error
    })
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name)
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child == null || child.exitCode != null || child.signalCode != null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async command(...args: readonly string[]): Promise<unknown> {
    const client = createClient({ socket: { host: HOST, port: this.port, reconnectStrategy: false } })
    client.on('error', () => {})
    await client.connect()
    try {
      return await client.sendCommand(args)
    } finally {
      client.destroy()
    }
  }

  async #answers(child: ChildProcess): Promise<void> {
    for (let attempt = 0; child.exitCode == null; attempt++) {
      const answer = await this.command('PING').catch(String)
      if (answer === 'PONG' || `${answer}`.includes('NOAUTH')) return
      if (attempt > 200) throw new Error('redis-server does not answer', { cause: answer })
      await sleep(50)
    }
    throw new Error(`redis-server ended with ${child.exitCode}`)
  }
}

const MASTERS = 3

/** Three masters with a third of the slots each, and then replicas of the last one. */
export async function startCluster(replicas = 0): Promise<readonly RedisServer[]> {
  const count = MASTERS + replicas
  const ports = await freePorts(2 * count)
  const servers = await Promise.all(
    ports.slice(0, count).map(async (port, at) => {
      const bus = ['--cluster-port', `${ports[at + count]}`, '--cluster-node-timeout', '1000']
      const args = ['--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no', ...bus]
      const server = await RedisServer.stopped(port, ...args)
      await server.resume()
      return server
    })
  )
  const [first] = servers
  const ends = [0, 5_461, 10_923, 16_384]
  for (const [at, server] of servers.entries()) {
    if (at < MASTERS) await server.command('CLUSTER', 'ADDSLOTSRANGE', `${ends[at]}`, `${ends[at + 1]! - 1}`)
    if (at > 0) await first!.command('CLUSTER', 'MEET', HOST, `${server.port}`, `${ports[at + count]}`)
  }
  await eachUntil(servers, async server => {
    const [info, slots] = [await server.command('CLUSTER', 'INFO'), await server.command('CLUSTER', 'SLOTS')]
    return `${info}`.includes('cluster_state:ok') && Array.isArray(slots) && slots.length === MASTERS
  })
  const last = await servers[MASTERS - 1]!.command('CLUSTER', 'MYID')
  const copies = servers.slice(MASTERS)
  for (const server of copies) await server.command('CLUSTER', 'REPLICATE', `${last}`)
  await eachUntil(copies, async server => `${await server.command('INFO', 'replication')}`.includes('link_status:up'))
  return servers
}

async function eachUntil(servers: readonly RedisServer[], isSo: (server: RedisServer) => Promise<boolean>) {
  for (const server of servers) {
    for (let attempt = 0; !(await isSo(server)); attempt++) {
      if (attempt > 200) throw new Error('no cluster')
      await sleep(50)
    }
  }
}

export function clusterUrl(servers: readonly RedisServer[]): string {
  return `redis+cluster://${servers.map(({ port }) => `${HOST}:${port}`).join(',')}`
}

async function freePorts(count: number): Promise<readonly number[]> {
  const held = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, HOST)
      await once(server, 'listening')
      return server
    })
  )
  const ports = held.map(portOf)
  await Promise.all(held.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

function portOf(server: Server): number {
  const address = server.address()
  if (address == null || typeof address === 'string') throw new Error('no port')
  return address.port
}
