// From nothing to a first byte and to a direct path, between two peers behind NATs, many times (docs/performance.md).
import { Command, InvalidArgumentError, Option } from 'commander'
import { openLab, PRESETS, preset } from '../lab/lab.ts'
import { untilInterrupted } from './beeline.ts'
import { CONTENDER_NAMES, CONTENDERS, type ContenderName } from './connect/contenders.ts'
import { type HubTransport, Site, type Summary } from './connect/site.ts'
import { amount, count } from './options.ts'
import { median, quantile } from './statistics.ts'
import { printTable } from './table.ts'

const contender = (value: string, previous: readonly ContenderName[] = []): ContenderName[] => {
  if (!Object.hasOwn(CONTENDERS, value)) {
    throw new InvalidArgumentError(`it must be one of ${CONTENDER_NAMES.join(', ')}.`)
  }
  return [...previous, value as ContenderName]
}

const options = new Command('connect')
  .description('Time to the first byte and to a direct path, through two NATs in the lab.')
  .option('--connects <n>', 'of each contender, each by a fresh process with a fresh identity', count, 50)
  .addOption(new Option('--preset <name>', 'who is behind what').choices(Object.keys(PRESETS)).default('easy-easy'))
  .option('--delay <ms>', "of each side's link, one way", amount, 20)
  .addOption(
    new Option('--transport <name>', 'by which both peers reach the hub').choices(['quic', 'tcp']).default('quic')
  )
  .option('--only <contender>', 'may be given more than once', contender)
  .option('--json', 'every connect as a JSON line')
  .parse()
  .opts<{
    connects: number
    preset: keyof typeof PRESETS
    delay: number
    transport: HubTransport
    only?: ContenderName[]
    json?: true
  }>()

const signal = untilInterrupted()
const names = options.only ?? CONTENDER_NAMES
const summaries = new Map<ContenderName, Summary[]>(names.map(name => [name, []]))
try {
  await using lab = await openLab(preset(options.preset, { link: { delayMs: options.delay } }))
  const sites = new Map<ContenderName, Site>()
  for (const name of names) sites.set(name, await Site.start(lab, CONTENDERS[name], options.transport, signal))
  for (let i = 0; i < options.connects; i++) {
    for (const [name, site] of sites) {
      const summary = await site.connect(signal)
      summaries.get(name)!.push(summary)
      if (options.json) process.stdout.write(`${JSON.stringify({ contender: name, ...summary })}\n`)
      else if (name.startsWith('beeline') && !summary.direct) {
        process.stderr.write(`connect ${i + 1} of ${name} was not direct: ${JSON.stringify(summary)}\n`)
      }
    }
  }
} catch (error) {
  if (!signal.aborted) throw error
  process.exitCode = 1
}
if (!options.json) report()

function report(): void {
  const rows = [...summaries].flatMap(([name, all]) => [
    row(`${name}: first byte`, all, ({ msFirstByte }) => msFirstByte),
    row(`${name}: direct`, all, ({ msDirect }) => msDirect)
  ])
  printTable(['ms from the start of the connect', 'median', '90 % within', 'worst', 'of connects'], rows)
}

function row(what: string, all: readonly Summary[], figure: (summary: Summary) => number | null): string[] {
  const known = all.map(figure).filter(value => value != null)
  const figures = [median(known), quantile(known, 0.9), Math.max(...known)]
  return [
    what,
    ...figures.map(value => (known.length === 0 ? 'never' : value.toFixed(0))),
    `${known.length} of ${all.length}`
  ]
}
