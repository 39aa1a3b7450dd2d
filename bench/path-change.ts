// Throughput before and after a link's path changes, against a link that was direct before the first byte (docs/performance.md).
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { Program } from '../test/cli/beeline.ts'
import { untilInterrupted } from './beeline.ts'
import { Stage, unbrokenSpec } from './links/stage.ts'
import { amount, count } from './options.ts'
import type { FloodArguments, FloodEvent } from './path-change/flood.ts'
import { type Bytes, longestGapMs, rampMs, rate } from './path-change/rates.ts'
import { median } from './statistics.ts'
import { printTable } from './table.ts'

const FLOOD = fileURLToPath(new URL('path-change/flood.ts', import.meta.url))
/** Slow start is over by then, with round trips of 80 ms. */
const RAMP_MS = 3_000
/** QUIC is not told that the path has changed: its window grows from what the relay could carry, and that takes so long at least. */
const LATER_MS = 15_000
/** The next search for a direct path comes a while after the last one that failed. */
const DIRECT_MS = 90_000

const {
  rounds,
  delay: delayMs,
  seconds
} = new Command('path-change')
  .description('Throughput of one stream while its link goes from the relay to a direct path, in the lab.')
  .option('--rounds <n>', 'of each', count, 3)
  .option('--delay <ms>', "of each network's link, one way", amount, 20)
  .option('--seconds <n>', 'that each path is measured for, after slow start', count, 4)
  .parse()
  .opts<{ rounds: number; delay: number; seconds: number }>()

interface Figures {
  /** MB/s on each path; of a link that was direct all along there is no other. */
  readonly relayed?: number
  readonly direct: number
  readonly later?: number
  /** From the change of path until as much came as in the end; undefined when that was never so. */
  readonly rampMs?: number | undefined
  readonly gapMs?: number
}

const signal = untilInterrupted()
await using stage = await Stage.open(unbrokenSpec(delayMs, false), 1, signal)
const hubs = stage.hubAddresses(/\/quic-v1\//)
const setApart = (apart: boolean) => stage.act({ do: 'set-apart', apart }, undefined, signal)
const straight: Figures[] = []
const changed: Figures[] = []
for (let round = 0; round < rounds; round++) {
  straight.push(await measure(false))
  changed.push(await measure(true))
  process.stderr.write(`round ${round + 1}: ${JSON.stringify([straight.at(-1), changed.at(-1)])}\n`)
}
const of = (figures: readonly Figures[], key: keyof Figures) => median(figures.flatMap(each => each[key] ?? []))
const reference = of(straight, 'direct')
const row = (name: string, MBps: number) => [name, MBps.toFixed(1), (MBps / reference).toFixed(2)]
printTable(
  ['one stream', 'MB/s', 'ratio'],
  [
    row('direct before the first byte', reference),
    row('relayed, before the change', of(changed, 'relayed')),
    row(`direct, ${RAMP_MS / 1000} s after the change`, of(changed, 'direct')),
    row(`direct, ${LATER_MS / 1000} s after that`, of(changed, 'later'))
  ]
)
const [ramp, gap] = [of(changed, 'rampMs'), of(changed, 'gapMs')].map(ms => ms.toFixed(0))
process.stdout.write(
  `\nFrom the change until 80 % of what it comes to: ${ramp} ms. The longest time without a byte: ${gap} ms. Medians of ${rounds} rounds.\n`
)

/** @param isChanged whether the link has only a relay at first */
async function measure(isChanged: boolean): Promise<Figures> {
  if (isChanged) await setApart(true)
  const receiver = start('alice', { hubs })
  const { id } = (await receiver.event(({ event }) => event === 'ready')) as unknown as { id: string }
  const sender = start('bob', { hubs, to: id })
  const told = (program: Program) => program.events as unknown as readonly FloodEvent[]
  const came = (): Bytes[] => told(receiver).filter(event => event.event === 'bytes')
  try {
    let relayed: number | undefined
    if (isChanged) {
      await sender.event(({ event }) => event === 'path')
      relayed = await steady(sender, came)
      await setApart(false)
    }
    const direct = sender.event(({ event, kind }) => event === 'path' && kind === 'direct')
    const limit = AbortSignal.any([signal, AbortSignal.timeout(DIRECT_MS)])
    const { atMs } = (await Promise.race([direct, aborted(limit)])) as unknown as { atMs: number }
    const rate = await steady(sender, came)
    if (relayed === undefined) return { direct: rate }
    const endMs = nowMs()
    // a moment earlier, because what the change does to packets comes before anybody is told of it
    const change = { rampMs: rampMs(came(), atMs, endMs, rate), gapMs: longestGapMs(came(), atMs - 500, endMs) }
    await delay(LATER_MS - RAMP_MS - seconds * 1000, undefined, { signal })
    return { relayed, direct: rate, later: await steady(sender, came), ...change }
  } finally {
    for (const program of [sender, receiver]) program.child.kill('SIGKILL')
    await Promise.all([sender.ended, receiver.ended])
  }
}

/** The rate once slow start is over. */
async function steady(sender: Program, came: () => readonly Bytes[]): Promise<number> {
  sender.child.stdin!.write('go\n')
  await delay(RAMP_MS, undefined, { signal })
  const fromMs = nowMs()
  await delay(seconds * 1000, undefined, { signal })
  return rate(came(), fromMs, nowMs())
}

function start(host: 'alice' | 'bob', options: FloodArguments): Program {
  return new Program(stage.lab.spawn(host, [process.execPath, FLOOD, JSON.stringify(options)], { stdio: 'pipe' }))
}

async function aborted(limit: AbortSignal): Promise<never> {
  await once(limit, 'abort')
  throw limit.reason
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
