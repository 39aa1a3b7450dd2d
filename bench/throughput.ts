// One stream between two processes on loopback: our QUIC beside what js-libp2p has (docs/performance.md).
import { Command, InvalidArgumentError } from 'commander'
import { count } from './options.ts'
import { median } from './statistics.ts'
import { printTable } from './table.ts'
import { CONTENDER_NAMES, type Contender, isContender } from './throughput/contenders.ts'
import { Pair, type Run } from './throughput/pair.ts'

/** What all others are compared to. */
const REFERENCE: Contender = 'stock-quic'
const WARM_UP_MB = 16

const contender = (value: string, previous: readonly Contender[] = []): Contender[] => {
  if (!isContender(value)) throw new InvalidArgumentError(`it must be one of ${CONTENDER_NAMES.join(', ')}.`)
  return [...previous, value]
}

const options = new Command('throughput')
  .description('Throughput, CPU time and latency of one stream, by transport.')
  .option('--rounds <n>', 'times that each contender runs', count, 7)
  .option('--mb <n>', 'megabytes (10^6 bytes) a run', count, 100)
  .option('--echoes <n>', 'round trips a run', count, 300)
  .option('--only <contender>', 'may be given more than once', contender)
  .option('--json', 'every run as a JSON line')
  .parse()
  .opts<{ rounds: number; mb: number; echoes: number; only?: Contender[]; json?: true }>()

const names = options.only ?? CONTENDER_NAMES
const runs = new Map<Contender, Run[]>(names.map(name => [name, []]))
{
  await using pairs = new AsyncDisposableStack()
  const byName = new Map<Contender, Pair>()
  for (const name of names) {
    const pair = pairs.use(await Pair.start(name))
    byName.set(name, pair)
    await pair.run(WARM_UP_MB * 1e6, options.echoes)
  }
  for (let round = 0; round < options.rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      // each one has each place in the order equally often
      const name = names[(i + round) % names.length]!
      const run = await byName.get(name)!.run(options.mb * 1e6, options.echoes)
      runs.get(name)!.push(run)
      if (options.json) process.stdout.write(`${JSON.stringify({ contender: name, round, ...run })}\n`)
      else if (process.stderr.isTTY) process.stderr.write(`\rround ${round + 1}/${options.rounds}: ${name.padEnd(16)}`)
    }
  }
  if (!options.json && process.stderr.isTTY) process.stderr.write('\r')
}
if (!options.json) summarize()

function summarize(): void {
  const of = (name: Contender, key: keyof Run) => median(runs.get(name)!.map(run => run[key]))
  const ratio = (name: Contender, key: keyof Run) =>
    runs.has(REFERENCE) ? `${(of(name, key) / of(REFERENCE, key)).toFixed(2)} x` : ''
  const range = (name: Contender) => {
    const all = runs.get(name)!.map(run => run.MBps)
    return `${Math.min(...all).toFixed(0)}-${Math.max(...all).toFixed(0)}`
  }
  printTable(
    ['transport', 'MB/s', 'of stock QUIC', 'range', 'CPU s/GB', 'of stock QUIC', 'round trip, µs'],
    names.map(name => [
      name,
      of(name, 'MBps').toFixed(0),
      ratio(name, 'MBps'),
      range(name),
      of(name, 'cpuSecondsPerGB').toFixed(1),
      ratio(name, 'cpuSecondsPerGB'),
      of(name, 'roundTripMicros').toFixed(0)
    ])
  )
}
