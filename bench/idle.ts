// What `beeline up` costs while nothing happens: memory, and CPU time (docs/performance.md). Linux only.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { beeline, builtBeeline, untilInterrupted, whenReady } from './beeline.ts'
import { type Program, stockPeer } from './connect/contenders.ts'
import { cpuSeconds } from './cpu.ts'
import { count } from './options.ts'
import { printTable } from './table.ts'

const { seconds, built } = new Command('idle')
  .description('Memory and CPU time of an idle `beeline up` that is connected to a hub on loopback.')
  .option('--seconds <n>', 'how long all are idle; CPU time is taken of the second half', count, 60)
  .option('--built', 'what `npm run build` made as well: it needs no TypeScript compiler in memory')
  .parse()
  .opts<{ seconds: number; built?: true }>()

const signal = untilInterrupted()
const children: ChildProcess[] = []
const data = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
try {
  const start = ([program, ...args]: Program): ChildProcess => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    children.push(child)
    return child
  }
  const hub = start(beeline('hub', '--host', '127.0.0.1', '--port', '0', '--http-port', '0', '--data', data))
  const { addrs } = await whenReady(hub, signal)
  const hubAddress = addrs[0]!
  const peers: [string, Program][] = [
    ['beeline up', beeline('up', '--hub', hubAddress, '--key', join(data, 'up.key'))],
    ['js-libp2p: TCP, QUIC, relay', stockPeer('up', hubAddress)]
  ]
  if (built)
    peers.unshift(['beeline up, built', builtBeeline('up', '--hub', hubAddress, '--key', join(data, 'built.key'))])
  const watched: [string, number][] = []
  for (const [name, program] of peers) {
    const peer = start(program)
    await whenReady(peer, signal)
    watched.push([name, peer.pid!])
  }
  const bare = start([process.execPath, '-e', 'setInterval(() => {}, 1 << 30)'])
  watched.push([`beeline hub, ${peers.length} peers`, hub.pid!], ['node, an empty program', bare.pid!])
  const halfMs = seconds * 500
  await delay(halfMs, undefined, { signal })
  const before = await Promise.all(watched.map(([, pid]) => cpuSeconds(pid)))
  await delay(halfMs, undefined, { signal })
  const rows = await Promise.all(
    watched.map(async ([name, pid], i) => {
      const { rss, pss, own } = await memory(pid)
      const perMinute = (((await cpuSeconds(pid)) - before[i]!) / halfMs) * 60_000
      return [name, rss.toFixed(0), pss.toFixed(0), own.toFixed(0), perMinute.toFixed(2)]
    })
  )
  printTable(['idle', 'RSS, MB', 'PSS, MB', 'private, MB', 'CPU s a minute'], rows)
} catch (error) {
  if (!signal.aborted) throw error
  process.exitCode = 1
} finally {
  await Promise.all(children.map(stop))
  await rm(data, { recursive: true, force: true })
}

/** Megabytes (10^6 bytes). PSS shares what several processes map among them, here Node's own program. */
async function memory(pid: number): Promise<{ rss: number; pss: number; own: number }> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  const megabytes = (field: string) =>
    (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]) * 1024) / 1e6
  return { rss: megabytes('Rss'), pss: megabytes('Pss'), own: megabytes('Private_Clean') + megabytes('Private_Dirty') }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode != null || child.signalCode != null) return
  const exit = once(child, 'exit')
  child.kill()
  await exit
}
