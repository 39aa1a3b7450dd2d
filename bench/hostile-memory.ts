// Memory of a node under hostile packets (docs/performance.md). Linux only.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { Command, Option } from 'commander'
import type { PlaneKind } from '../src/socket/plane.ts'
import { attackedNode } from '../test/socket/hostile.ts'
import { count } from './options.ts'
import { printTable } from './table.ts'

const ATTACKER = fileURLToPath(new URL('../test/socket/hostile-program.ts', import.meta.url))

const program = new Command('hostile-memory')
  .description('Memory of a node that carries one stream under 10,000 hostile packets a second.')
  .addOption(new Option('--plane <kind>', 'the data plane').choices(['ffi', 'portable']).default('ffi'))
  .option('--packets <n>', 'how many are sent', count, 2_500_000)
  .option('--every <n>', 'a row for so many', count, 250_000)
  .option('--kind <name>', 'one kind only (garbage, forged-initial, stun, replayed, …: hostile-program.ts)')
  .parse()
const { plane, packets, every, kind } = program.opts<{
  plane: PlaneKind
  packets: number
  every: number
  kind?: string
}>()

// the data plane's thread has a heap of its own
const threads: Worker[] = []
process.on('worker', (worker: Worker) => threads.push(worker))
const { node, packetSwitch, port } = await attackedNode(plane)

async function row(sent: number): Promise<string[]> {
  const { flows, handshakes } = await packetSwitch.stats()
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0)
  const { heapUsed, external } = process.memoryUsage()
  const thread = await threads[0]?.getHeapStatistics()
  const anonymous = Number(/^Anonymous:\s+(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]) * 1024
  return [
    sent.toLocaleString('en'),
    mb(process.memoryUsage.rss()),
    mb(anonymous),
    mb(heapUsed + external),
    mb((thread?.used_heap_size ?? 0) + (thread?.external_memory ?? 0)),
    `${flows}`,
    `${handshakes}`
  ]
}

const rows = [await row(0)]
const args = [ATTACKER, plane, `${port}`, node.peerId.toString(), `${packets}`, ...(kind == null ? [] : [kind])]
const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
for await (const line of createInterface({ input: child.stdout })) {
  const told = JSON.parse(line) as { event: string; packets: number }
  if (told.event === 'done') break
  if (told.packets >= rows.length * every) rows.push(await row(told.packets))
}
child.stdin.end()
await node.stop()
printTable([`packets (${plane})`, 'RSS, MB', 'anonymous', 'main heap', "thread's heap", 'flows', 'handshakes'], rows)
