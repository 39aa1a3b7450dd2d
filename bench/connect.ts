// From nothing to a first byte and to a direct path, between two peers behind NATs, many times (docs/performance.md).
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { openLab, PRESETS, preset } from '../lab/lab.ts'
import { beeline, untilInterrupted, whenReady } from './beeline.ts'
import { amount, count } from './options.ts'
import { median, quantile } from './statistics.ts'
import { printTable } from './table.ts'

/** The last line of `beeline ping --json`, as far as it is read here. */
interface Summary {
  readonly connected: boolean
  readonly direct: boolean
  readonly msFirstByte: number | null
  readonly msDirect: number | null
  readonly attempts: readonly { technique: string; outcome: string; reason: string }[]
}

const DEADLINE_SECONDS = 20
/** Starting Node and a node that dials its hub comes on top of the deadline. */
const START_MS = 15_000

const options = new Command('connect')
  .description('Time to the first byte and to a direct path, through two NATs in the lab.')
  .option('--connects <n>', 'each by a fresh process with a fresh identity', count, 50)
  .addOption(new Option('--preset <name>', 'who is behind what').choices(Object.keys(PRESETS)).default('easy-easy'))
  .option('--delay <ms>', "of each side's link, one way", amount, 20)
  .option('--json', 'every connect as a JSON line')
  .parse()
  .opts<{ connects: number; preset: keyof typeof PRESETS; delay: number; json?: true }>()

const signal = untilInterrupted()
const summaries: Summary[] = []
const data = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
try {
  await using lab = await openLab(preset(options.preset, { link: { delayMs: options.delay } }))
  const start = (host: string, ...args: string[]) =>
    whenReady(lab.spawn(host, beeline(...args), { stdio: ['ignore', 'pipe', 'pipe'] }), signal)
  const hub = await start('hub', 'hub', '--host', lab.host('hub').ip, '--data', data)
  const address = hub.addrs[0]!
  const alice = await start('alice', 'up', '--hub', address, '--key', join(data, 'alice.key'))
  const ping = ['ping', alice.id, '--hub', address, '--until', 'direct', '--count', '1', '--deadline']
  for (let i = 0; i < options.connects; i++) {
    const { stdout, stderr, code } = await lab.exec('bob', beeline(...ping, String(DEADLINE_SECONDS)), {
      timeoutMs: DEADLINE_SECONDS * 1000 + START_MS,
      signal
    })
    const summary = parseSummary(stdout)
    if (summary == null) throw new Error(`ping ended with code ${code} and no summary: ${stderr.trim()}`)
    summaries.push(summary)
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
    else if (!summary.direct) process.stderr.write(`connect ${i + 1} was not direct: ${JSON.stringify(summary)}\n`)
  }
} catch (error) {
  if (!signal.aborted) throw error
} finally {
  await rm(data, { recursive: true, force: true })
}

if (!options.json && summaries.length > 0) report()
process.exitCode = summaries.length === options.connects ? 0 : 1

function parseSummary(stdout: string): Summary | undefined {
  const lines = stdout.trim().split('\n')
  if (lines.at(-1) === '') return undefined
  const last = JSON.parse(lines.at(-1)!)
  return last.event === 'summary' ? last : undefined
}

function report(): void {
  const row = (name: string, values: readonly (number | null)[]) => {
    const known = values.filter(value => value != null)
    const figures = [median(known), quantile(known, 0.9), Math.max(...known)]
    return [name, ...figures.map(figure => (known.length === 0 ? '' : figure.toFixed(0)))]
  }
  printTable(
    ['ms from the start of the connect', 'median', '90 % within', 'worst'],
    [
      row(
        'to the first byte',
        summaries.map(({ msFirstByte }) => msFirstByte)
      ),
      row(
        'to a byte over a direct path',
        summaries.map(({ msDirect }) => msDirect)
      )
    ]
  )
  const direct = summaries.filter(each => each.direct).length
  process.stdout.write(`\ndirect ${direct} of ${summaries.length}\n`)
}
