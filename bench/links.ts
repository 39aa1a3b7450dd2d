// One stream at 1 MB/s while networks change under it: what it notices, beside js-libp2p in the same lab (docs/performance.md).
import { Command } from 'commander'
import { capability } from '../lab/lab.ts'
import { seededRandom } from '../src/core/random.ts'
import { untilInterrupted } from './beeline.ts'
import { BLOCKS } from './links/blocks.ts'
import type { ContenderName } from './links/contenders.ts'
import type { PeerEvent } from './links/events.ts'
import { type Effect, effects, stallText } from './links/figures.ts'
import { Pair } from './links/pair.ts'
import { run } from './links/run.ts'
import { Stage, unbrokenSpec } from './links/stage.ts'
import { amount, count } from './options.ts'
import { printTable } from './table.ts'

const options = new Command('links')
  .description(
    'A stream of numbered blocks at 1 MB/s while NATs forget, UDP is blocked, peers move and hubs are killed.'
  )
  .option('--seconds <n>', 'for how long things happen', count, 300)
  .option('--seed <n>', 'of the order of what happens', count, 1)
  .option('--delay <ms>', "of each network's link, one way", amount, 20)
  .option('--alone', 'without js-libp2p beside it')
  .option('--json', 'every event of all programs as a JSON line, too')
  .parse()
  .opts<{ seconds: number; seed: number; delay: number; alone?: true; json?: true }>()

/** What has not recovered by then is told, and the next thing happens. */
const DEADLINE_MS = 30_000
const CATCH_UP_MS = 20_000
const REST_MS = [1_000, 3_000] as const

const signal = untilInterrupted()
const spec = unbrokenSpec(options.delay, true)
const isSimulated = (await capability(spec)).ok
await using stage = await Stage.open(isSimulated ? spec : unbrokenSpec(options.delay, false), options.seed, signal)
const { seed } = options
const pair = new Pair(stage.lab, {
  contender: 'beeline',
  hubs: stage.hubAddresses(/\/quic-v1\/|\/tcp\/\d+\/p2p\//),
  seed
})
// by TCP alone, which the blocking of UDP does not touch: the best that it can have here
const stock = new Pair(stage.lab, { contender: 'js-libp2p', hubs: stage.hubAddresses(/\/tcp\/\d+\/p2p\//), seed })
const others = options.alone ? [] : [stock]
const startMs = Date.now()
const say = (text: string): void => {
  process.stderr.write(`${((Date.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
}
for (const each of [pair, ...others]) {
  each.onEvent((role, event) => tell(each.contender, role, event))
  await each.start()
}
const marks = await run(
  stage,
  pair,
  others,
  seededRandom(seed),
  {
    seconds: options.seconds,
    deadlineMs: DEADLINE_MS,
    catchUpMs: CATCH_UP_MS,
    restMs: REST_MS,
    onStep: step => say(`--- ${step.name}`),
    onMark: ({ met, inTimeMs, step }) => {
      if (!met) say(`    not ${step.path} within ${DEADLINE_MS / 1000} s, or nothing comes: ${pair.path?.kind}`)
      if (inTimeMs === undefined) say(`    ${pair.behindBlocks} blocks behind after ${CATCH_UP_MS / 1000} s more`)
    }
  },
  signal
)
const isWhole = await pair.finish()
report()

function tell(contender: ContenderName, role: 'receive' | 'send', event: PeerEvent): void {
  if (options.json) process.stdout.write(`${JSON.stringify({ contender, role, ...event })}\n`)
  const who = `    ${contender.padEnd(9)} ${role === 'send' ? 'bob  ' : 'alice'}`
  switch (event.event) {
    case 'path':
      say(`${who} ${event.kind} by ${event.transport} to ${event.remote} ${event.reason ?? ''}`)
      break
    case 'broke':
      say(`${who} the stream broke: ${event.error}; ${event.unacknowledged} blocks not acknowledged`)
      break
    case 'failed':
      say(`${who} ${event.error}`)
      break
    case 'wrong':
      say(`${who} WRONG: ${event.what}`)
      break
    case 'gap':
      if (event.ms >= 250) say(`${who} nothing came for ${event.ms.toFixed(0)} ms`)
      break
    default:
  }
}

function report(): void {
  const columns = new Map([pair, ...others].map(each => [each.contender, effects(each, marks)]))
  const steps = [...new Set(marks.map(({ step }) => step.name))]
  const rows = steps.map(step => {
    const of = (contender: ContenderName) => columns.get(contender)?.filter(effect => effect.step === step) ?? []
    const direct = of('beeline').flatMap(({ directMs }) => directMs ?? [])
    const late = marks.filter(mark => mark.step.name === step).map(({ inTimeMs }) => inTimeMs)
    return [
      step,
      `${of('beeline').length}`,
      worst(of('beeline')),
      direct.length === 0 ? '' : Math.max(...direct).toFixed(0),
      late.some(ms => ms === undefined) ? 'not' : Math.max(...late.map(ms => ms ?? 0)).toFixed(0),
      options.alone ? '' : worst(of('js-libp2p'))
    ]
  })
  printTable(['the longest stall, ms', 'times', 'beeline', 'to direct, ms', 'in time again, ms', 'js-libp2p'], rows)
  for (const each of [pair, ...others]) process.stdout.write(`\n${summary(each)}\n`)
  const ours = pair.sent('broke').length + pair.received('wrong').length + pair.sent('wrong').length
  if (!isWhole || ours > 0 || marks.some(({ met }) => !met)) process.exitCode = 1
}

function worst(all: readonly Effect[]): string {
  const stalls = all.flatMap(({ stallMs, isDead }) => (isDead && stallMs === undefined ? [] : [stallMs ?? 0]))
  const broken = all.filter(({ breaks }) => breaks.length > 0).length
  const dead = all.filter(({ isDead }) => isDead).length
  const stall = stalls.length === 0 ? [] : [stallText(Math.max(0, ...stalls) || undefined)]
  return [
    ...stall,
    ...(broken > 0 ? [`broke ${broken} x`] : []),
    ...(dead > 0 ? [`did not come back ${dead} x`] : [])
  ].join(', ')
}

function summary(of: Pair): string {
  const streams = of.sent('stream').length
  const broke = of.sent('broke')
  const blocks = of.received('done').at(-1)?.blocks
  const faults = [...of.received('wrong'), ...of.sent('wrong')]
  return [
    `${of.contender}: ${streams} stream${streams === 1 ? '' : 's'}`,
    broke.length === 0
      ? 'none broke'
      : `${broke.length} broke (${[...new Set(broke.map(({ error }) => error))].join('; ')})`,
    of.starts > 1 ? `started anew ${of.starts - 1} times` : '',
    blocks === undefined ? '' : `${((blocks * BLOCKS.bytes) / 1e6).toFixed(0)} MB on the last one`,
    faults.length === 0
      ? 'not a byte lost, doubled or reordered on any stream'
      : faults.map(({ what }) => what).join('; ')
  ]
    .filter(text => text !== '')
    .join(', ')
}
