// How surely, how soon and with how many packets predict and birthday find a path: whole links in the simulator, in virtual time (docs/performance.md).
import { Command } from 'commander'
import { type Met, meet } from '../test/traversal/link/meeting.ts'
import { between, type Place } from '../test/traversal/link/places.ts'
import { count } from './options.ts'
import { median, quantile } from './statistics.ts'
import { printTable } from './table.ts'

/** Mappings that others make in a second behind each of the NATs. */
const PAIRS: readonly (readonly [Place, Place, number])[] = [
  ['home', 'random per port', 0],
  ['random per port', 'home', 0],
  ['home', 'random per host', 0],
  ['sequential per host', 'random per port', 0],
  ['home', 'sequential per port', 20],
  ['sequential per port', 'home', 20],
  ['sequential per host', 'sequential per host', 20],
  ['sequential per port', 'sequential per port', 0],
  ['sequential per port', 'sequential per port', 20],
  ['sequential per port', 'sequential per port', 100]
]

const { runs, relay } = new Command('techniques')
  .description('Links between NATs whose ports vary, 20 ms from the middle of a simulated internet.')
  .option('--runs <n>', 'of each pair, each with other random numbers', count, 200)
  .option('--relay <ms>', 'one way through the relay', count, 42)
  .parse()
  .opts<{ runs: number; relay: number }>()

async function measure(a: Place, b: Place, busy: number): Promise<readonly Met[]> {
  const all: Met[] = []
  for (let run = 1; run <= runs; run++) all.push(await meet(between(a, b), { seed: run * 101, relayMs: relay, busy }))
  return all
}

const rows: string[][] = []
for (const [a, b, busy] of PAIRS) {
  const all = await measure(a, b, busy)
  const direct = all.flatMap(({ directMs }) => directMs ?? [])
  const technique = all.find(({ directMs }) => directMs != null)?.routes[0] ?? 'none'
  const packets = [0, 1].map(side => all.map(met => met.packets[side]!))
  rows.push([
    `${a} dials ${b}${busy > 0 ? `, others make ${busy} mappings a second` : ''}`,
    technique,
    `${direct.length} of ${all.length}`,
    `${median(direct)}`,
    `${quantile(direct, 0.95)}`,
    packets.map(each => `${median(each)}`).join(' / '),
    packets.map(each => `${Math.max(...each)}`).join(' / ')
  ])
  process.stderr.write(`${a} dials ${b}: done\n`)
}
printTable(
  ['in the simulator', 'technique', 'direct', 'median ms', '95 % within', 'packets of each side', 'at most'],
  rows
)
