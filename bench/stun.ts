// What a STUN answer costs: the hub's server beside coturn's, the same client, in turns, on loopback (docs/performance.md). Linux only.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { freePort } from '../src/hub/free-port.ts'
import { cpuSeconds } from './cpu.ts'
import { count } from './options.ts'
import { median } from './statistics.ts'
import { load } from './stun/load.ts'
import { printTable } from './table.ts'

const { rounds, seconds } = new Command('stun')
  .description('Binding requests per second of CPU time, and memory, of the hub and of coturn.')
  .option('--rounds <n>', 'times that each runs', count, 5)
  .option('--seconds <n>', 'of load in a run', count, 3)
  .parse()
  .opts<{ rounds: number; seconds: number }>()

const [A, B] = ['127.0.0.1', '127.0.0.2'] as const
const folder = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
const server = fileURLToPath(new URL('stun/server.ts', import.meta.url))
const files = ['--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db'), '-l', 'stdout']
const contenders: Readonly<Record<string, (port: number) => string[]>> = {
  'the hub': port => [process.execPath, server, `${port}`, A, B],
  coturn: port =>
    ['turnserver', '-n', '-S', '-L', A, '-L', B, '-p', `${port}`, '-f', '--no-tls', '--no-dtls', '--no-cli'].concat(
      files
    )
}

interface Run {
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly megabytes: number
}

async function run(argv: (port: number) => string[]): Promise<Run> {
  const port = await freePort(A)
  const [program = '', ...args] = argv(port)
  const child = spawn(program, args, { stdio: 'ignore' })
  try {
    await once(child, 'spawn')
    while ((await load({ address: A, port }, 1)) === 0) ended(child)
    const before = await cpuSeconds(child.pid!)
    const answered = await load({ address: A, port }, seconds)
    const used = (await cpuSeconds(child.pid!)) - before
    const megabytes = await residentMegabytes(child.pid!)
    return { perCpuSecond: answered / used, perSecond: answered / seconds, megabytes }
  } finally {
    child.kill('SIGKILL')
  }
}

function ended({ exitCode }: ChildProcess): void {
  if (exitCode != null) throw new Error(`the server ended with ${exitCode}`)
}

async function residentMegabytes(pid: number): Promise<number> {
  return (Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024) / 1e6
}

const runs = new Map<string, Run[]>(Object.keys(contenders).map(name => [name, []]))
try {
  for (let round = 0; round < rounds; round++) {
    for (const [name, argv] of Object.entries(contenders)) runs.get(name)!.push(await run(argv))
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
const of = (name: string, key: keyof Run) => median(runs.get(name)!.map(each => each[key]))
printTable(
  ['STUN over UDP', 'answers per second of CPU', 'answers a second', 'resident, MB'],
  Object.keys(contenders).map(name => [
    name,
    of(name, 'perCpuSecond').toFixed(0),
    of(name, 'perSecond').toFixed(0),
    of(name, 'megabytes').toFixed(0)
  ])
)
const ratios = runs.get('the hub')!.map((each, round) => each.perCpuSecond / runs.get('coturn')![round]!.perCpuSecond)
process.stdout.write(
  `\nper second of CPU, the hub to coturn: ${median(ratios).toFixed(2)} (median of ${rounds} rounds)\n`
)
