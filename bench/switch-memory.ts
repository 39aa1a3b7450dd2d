// What one more peer costs in the packet switch: memory of this process, and descriptors (docs/performance.md). Linux only.
import { fork } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import type { PlaneKind } from '../src/socket/plane.ts'
import { PacketSwitch } from '../src/socket/switch.ts'
import { count } from './options.ts'
import { median } from './statistics.ts'
import { printTable } from './table.ts'

interface Cost {
  readonly bytes: number
  readonly descriptors: number
}

/** Before memory is looked at, for garbage to go and for pages to be given back. */
const SETTLE_MS = 1_000
/** A client's first datagram (RFC 9000 section 14.1). */
const INITIAL_BYTES = 1_200

const program = new Command('switch-memory')
  .description('Memory and descriptors of one more peer in the packet switch, on both data planes.')
  .option('--peers <n>', 'how many are added', count, 1_000)
  .option('--rounds <n>', 'fresh processes for each data plane; the median is printed', count, 5)
  .argument('[plane]', 'measure that one in this process (used by the benchmark itself)')
  .parse()
const { peers, rounds } = program.opts<{ peers: number; rounds: number }>()
const [plane] = program.args as [PlaneKind?]

if (plane != null) process.send?.(await measure(plane))
else {
  const rows: string[][] = []
  for (const kind of ['ffi', 'portable'] satisfies PlaneKind[]) {
    const costs: Cost[] = []
    while (costs.length < rounds) costs.push(await inFreshProcess(kind))
    const bytes = costs.map(cost => cost.bytes)
    const kilobytes = [median(bytes), Math.min(...bytes), Math.max(...bytes)].map(each => (each / 1_000).toFixed(1))
    rows.push([kind, ...kilobytes, median(costs.map(cost => cost.descriptors)).toFixed(2)])
  }
  printTable([`one more peer of ${peers}`, 'kB, median', 'lowest', 'highest', 'descriptors'], rows)
}

async function inFreshProcess(kind: PlaneKind): Promise<Cost> {
  const child = fork(fileURLToPath(import.meta.url), [kind, '--peers', `${peers}`], { execArgv: ['--expose-gc'] })
  const [[cost]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [[Cost], unknown]
  return cost
}

/** Opens flows to so many addresses, each of which the engine has sent a first datagram to. */
async function measure(kind: PlaneKind): Promise<Cost> {
  const packetSwitch = await PacketSwitch.open(kind)
  const { socket } = await packetSwitch.bind('127.0.0.1', 0)
  const engine = createSocket('udp4').bind(0, '127.0.0.1')
  await once(engine, 'listening')
  const add = async (port: number) => {
    const { loopbackPort } = await packetSwitch.dial({ kind: 'udp', socket, remote: { address: '127.0.0.2', port } })
    const initial = Buffer.alloc(INITIAL_BYTES)
    // a long header of version 1, to an id of eight bytes, from one
    initial.set([0xc3, 0, 0, 0, 1, 8])
    initial[14] = 8
    initial.writeUInt32BE(port, 15)
    engine.send(initial, loopbackPort, '127.0.0.1')
  }
  // the first ones make Node load and compile what all of them need
  for (let port = 1; port <= 100; port++) await add(port)
  const before = await look()
  for (let port = 101; port <= 100 + peers; port++) await add(port)
  const after = await look()
  engine.close()
  await packetSwitch.close()
  return { bytes: (after.bytes - before.bytes) / peers, descriptors: (after.descriptors - before.descriptors) / peers }
}

async function look(): Promise<Cost> {
  globalThis.gc?.()
  await delay(SETTLE_MS)
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8')
  const bytes = Number(/^Private_Dirty:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024
  return { bytes, descriptors: readdirSync('/proc/self/fd').length }
}
