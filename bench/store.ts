// What keeping a peer's record costs: SQLite in a file and in memory, Redis, and a Redis cluster of three on this machine, in turns (docs/hub.md).
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Command } from 'commander'
import { openStore } from '../src/hub/store/open.ts'
import type { RecordStore, StoredRecord } from '../src/hub/store/store.ts'
import { clusterUrl, NO_REDIS, RedisServer, startCluster } from '../test/hub/store/redis-server.ts'
import { count } from './options.ts'
import { median, quantile } from './statistics.ts'
import { printTable } from './table.ts'

const options = new Command('store')
  .description('Puts and gets per second, how long they take, and bytes per record, of every store.')
  .option('--rounds <n>', 'times that each runs', count, 3)
  .option('--peers <n>', 'records in the store', count, 20_000)
  .option('--at-once <n>', 'operations under way at a time', count, 64)
  .parse()
  .opts<{ rounds: number; peers: number; atOnce: number }>()

/** A record with eight addresses and a network summary, signed by an Ed25519 key. */
const ENVELOPE_BYTES = 450
const HUB = '12D3KooWHubHubHubHubHubHubHubHubHubHubHubHubHubHubHub'
const HOUR_MS = 3_600_000

function recordOf(index: number, seq: number, nowMs: number): StoredRecord {
  const peer = `12D3KooW${index.toString(36).padStart(44, 'x')}`
  const envelope = new Uint8Array(ENVELOPE_BYTES).fill(seq & 0xff)
  return { peer, seq, envelope, left: false, expiresMs: nowMs + HOUR_MS, forgetMs: nowMs + 49 * HOUR_MS }
}

interface Speed {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly stallMs: number
  /** Processor time of each operation, in microseconds: what the hub spends, and what Redis does. */
  readonly hubMicros: number
  readonly serverMicros: number
}

/** What the processes of a store have used of the processor so far, in microseconds. */
type Used = () => Promise<number>

/** All operations, so many at a time, and how long each of them takes. */
async function timed(
  operations: number,
  atOnce: number,
  used: Used,
  work: (index: number) => Promise<unknown>
): Promise<Speed> {
  const took: number[] = []
  let next = 0
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const usedBefore = await used()
  const startedMs = performance.now()
  const cpuBefore = process.cpuUsage()
  loop.enable()
  const worker = async () => {
    for (let index = next++; index < operations; index = next++) {
      const beginMs = performance.now()
      await work(index)
      took.push(performance.now() - beginMs)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  const seconds = (performance.now() - startedMs) / 1_000
  loop.disable()
  const cpu = process.cpuUsage(cpuBefore)
  return {
    hubMicros: (cpu.user + cpu.system) / operations,
    serverMicros: ((await used()) - usedBefore) / operations,
    perSecond: operations / seconds,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    stallMs: loop.max / 1e6
  }
}

interface Run {
  readonly first: Speed
  readonly renewal: Speed
  readonly alone: Speed
  readonly get: Speed
  readonly bytes: number
}

async function run(store: RecordStore, used: Used, bytes: () => Promise<number>): Promise<Run> {
  const { peers, atOnce } = options
  const nowMs = Date.now()
  const put = (seq: number) => (index: number) => store.put(recordOf(index, seq, nowMs), HUB, nowMs)
  const before = await bytes()
  const first = await timed(peers, atOnce, used, put(1))
  const renewal = await timed(peers, atOnce, used, put(2))
  const get = await timed(peers, atOnce, used, index =>
    store.get(recordOf((index * 7_919) % peers, 1, nowMs).peer, nowMs)
  )
  const alone = await timed(Math.min(peers, 2_000), 1, used, put(3))
  return { first, renewal, alone, get, bytes: ((await bytes()) - before) / peers }
}

async function sizeOf(...files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    files.map(file =>
      stat(file).then(
        ({ size }) => size,
        () => 0
      )
    )
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

const none = async () => 0

async function usedMicros(server: RedisServer): Promise<number> {
  const info = String(await server.command('INFO', 'cpu'))
  const seconds = (name: string) => Number(new RegExp(`used_cpu_${name}:([\\d.]+)`).exec(info)?.[1])
  return 1e6 * (seconds('user') + seconds('sys'))
}

async function usedMemory(server: RedisServer): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(String(await server.command('INFO', 'memory')))?.[1])
}

const folder = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
const server = NO_REDIS === false ? await RedisServer.start() : undefined
const cluster = NO_REDIS === false ? await startCluster() : []
let files = 0

const contenders: Readonly<Record<string, () => Promise<Run>>> = {
  'SQLite, in memory': async () => {
    const store = await openStore('memory:', folder)
    const result = await run(store, none, none)
    await store.stop()
    return result
  },
  'SQLite, a file': async () => {
    const file = join(folder, `${files++}.sqlite`)
    const store = await openStore(`sqlite:${file}`, folder)
    const result = await run(store, none, none)
    await store.stop()
    // what was in the log is in the file now
    const bytes = (await sizeOf(file)) / options.peers
    await rm(file)
    return { ...result, bytes }
  },
  ...(server == null ? {} : { Redis: () => redisRun(server.url, [server]) }),
  ...(cluster.length === 0 ? {} : { 'Redis, a cluster': () => redisRun(clusterUrl(cluster), cluster) })
}

async function redisRun(url: string, servers: readonly RedisServer[]): Promise<Run> {
  for (const each of servers) await each.command('FLUSHALL')
  const store = await openStore(url, folder)
  const sum = async (what: (server: RedisServer) => Promise<number>) =>
    (await Promise.all(servers.map(what))).reduce((total, each) => total + each, 0)
  const result = await run(
    store,
    () => sum(usedMicros),
    () => sum(usedMemory)
  )
  await store.stop()
  return result
}

const runs = new Map<string, Run[]>(Object.keys(contenders).map(name => [name, []]))
try {
  for (let round = 0; round < options.rounds; round++) {
    for (const [name, contend] of Object.entries(contenders)) runs.get(name)!.push(await contend())
  }
} finally {
  await Promise.all([server, ...cluster].map(each => each?.stop()))
  await rm(folder, { recursive: true, force: true })
}

const of = (name: string, value: (run: Run) => number) => median(runs.get(name)!.map(value))
const names = Object.keys(contenders)
const ratio = (name: string, value: (run: Run) => number) => (of(name, value) / of('SQLite, a file', value)).toFixed(2)
const speeds = ['first', 'renewal', 'alone', 'get'] as const
for (const what of speeds) {
  printTable(
    [
      { first: 'first put', renewal: 'renewal', alone: 'renewal, one at a time', get: 'get' }[what],
      'a second',
      'to a file',
      'p50, ms',
      'p99, ms',
      'longest stall, ms',
      'CPU of the hub, µs',
      'of Redis, µs'
    ],
    names.map(name => [
      name,
      of(name, each => each[what].perSecond).toFixed(0),
      ratio(name, each => each[what].perSecond),
      of(name, each => each[what].p50).toFixed(3),
      of(name, each => each[what].p99).toFixed(3),
      of(name, each => each[what].stallMs).toFixed(1),
      of(name, each => each[what].hubMicros).toFixed(1),
      of(name, each => each[what].serverMicros).toFixed(1)
    ])
  )
  process.stdout.write('\n')
}
printTable(
  ['', `bytes per record of ${ENVELOPE_BYTES}`],
  names.map(name => [name, of(name, each => each.bytes).toFixed(0)])
)
