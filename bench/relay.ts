// What a relayed byte costs: one stream between two processes over a third, the hub, on loopback (docs/performance.md). Linux only.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { beeline, untilInterrupted, whenReady } from './beeline.ts'
import { cpuSeconds } from './cpu.ts'
import { count } from './options.ts'
import { median } from './statistics.ts'
import { printTable } from './table.ts'
import { RELAYED_NAMES, type Relayed } from './throughput/contenders.ts'
import { Pair } from './throughput/pair.ts'

const { rounds, mb, echoes } = new Command('relay')
  .description('Throughput, CPU time and latency of one stream over a hub, by how the peers reach it.')
  .option('--rounds <n>', 'times that each runs', count, 5)
  .option('--mb <n>', 'megabytes (10^6 bytes) a run', count, 50)
  .option('--echoes <n>', 'round trips a run', count, 300)
  .parse()
  .opts<{ rounds: number; mb: number; echoes: number }>()

const WARM_UP_MB = 16
const HUB_TRANSPORTS = { QUIC: /\/quic-v1\//, TCP: /\/tcp\/\d+\/p2p\// }

const WAYS: Readonly<Record<Relayed, string>> = { link: 'a link', circuit: 'as libp2p has it' }

const signal = untilInterrupted()
const data = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
const [program, ...args] = beeline('hub', '--host', '127.0.0.1', '--port', '0', '--http-port', '0', '--data', data)
const hub = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
try {
  const { addrs } = await whenReady(hub, signal)
  const rows: string[][] = []
  for (const way of RELAYED_NAMES) {
    for (const [name, wanted] of Object.entries(HUB_TRANSPORTS)) {
      rows.push([`${WAYS[way]}, by ${name}`, ...(await measure(way, addrs.find(each => wanted.test(each))!))])
    }
  }
  printTable(['relayed', 'MB/s', 'CPU s/GB, the hub', 'CPU s/GB, both peers', 'round trip, µs'], rows)
} finally {
  const exit = once(hub, 'exit')
  if (hub.kill()) await exit
  await rm(data, { recursive: true, force: true })
}

async function measure(way: Relayed, relay: string): Promise<string[]> {
  await using pair = await Pair.start(way, relay)
  await pair.run(WARM_UP_MB * 1e6, echoes)
  const runs: number[][] = []
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted()
    const before = await cpuSeconds(hub.pid!)
    // the echoes' packets are too few to count
    const { MBps, cpuSecondsPerGB, roundTripMicros } = await pair.run(mb * 1e6, echoes)
    runs.push([MBps, ((await cpuSeconds(hub.pid!)) - before) / (mb / 1000), cpuSecondsPerGB, roundTripMicros])
  }
  const [MBps, ofHub, ofPeers, roundTrip] = [0, 1, 2, 3].map(column => median(runs.map(run => run[column]!)))
  return [MBps!.toFixed(0), ofHub!.toFixed(1), ofPeers!.toFixed(1), roundTrip!.toFixed(0)]
}
