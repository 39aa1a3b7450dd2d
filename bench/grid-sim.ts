// Every NAT against every NAT in the simulator, as Markdown, or as JSON for docs/grid.md: by what each pair has its direct path, and when.
import { Command } from 'commander'
import type { TechniqueName } from '../src/traversal/attempt.ts'
import { type Met, meet } from '../test/traversal/link/meeting.ts'
import { between, NEIGHBOURS, PLACE_NAMES } from '../test/traversal/link/places.ts'
import { count } from './options.ts'
import { median } from './statistics.ts'
import { printTable } from './table.ts'

interface Cell {
  /** Who dials; of a pair that has a NAT in common, its name. */
  readonly from: string
  readonly to: string
  readonly connected: boolean
  /** Of the side that dials; `relay` when there is no direct path. */
  readonly technique: TechniqueName
  /** Why it is so. */
  readonly conclusion: string
  /** Until both sides' packets left directly: the median. null when relayed. */
  readonly directMs: number | null
}

const { seeds, json } = new Command('grid-sim')
  .description('Every NAT against every NAT, in the simulator.')
  .option('--seeds <n>', 'runs of each pair', count, 5)
  .option('--json', 'all that was measured')
  .parse()
  .opts<{ seeds: number; json?: true }>()

async function cellOf(from: string, to: string, spec: Parameters<typeof meet>[0]): Promise<Cell> {
  const all: Met[] = []
  for (let seed = 1; seed <= seeds; seed++) all.push(await meet(spec, { seed: seed * 11 }))
  const direct = all.flatMap(({ directMs }) => directMs ?? [])
  const worst = all.find(({ directMs }) => directMs == null) ?? all[0]!
  return {
    from,
    to,
    connected: all.every(({ carries }) => carries),
    technique: worst.routes[0] ?? 'relay',
    conclusion: worst.conclusions[0],
    directMs: direct.length < all.length ? null : median(direct)
  }
}

const grid: Cell[] = []
for (const a of PLACE_NAMES) {
  for (const b of PLACE_NAMES) grid.push(await cellOf(a, b, between(a, b)))
  process.stderr.write(`from ${a}: done\n`)
}
const together: Cell[] = []
for (const [name, spec] of Object.entries(NEIGHBOURS)) together.push(await cellOf(name, name, spec))

const textOf = ({ connected, technique, conclusion, directMs }: Cell) => {
  if (!connected) return 'NOT CONNECTED'
  return directMs == null ? `relay: ${conclusion}` : `${technique}, ${directMs} ms`
}

if (json === true) {
  process.stdout.write(`${JSON.stringify({ seeds, grid, together }, null, 2)}\n`)
} else {
  printTable(
    ['dials ↓, is dialled →', ...PLACE_NAMES],
    PLACE_NAMES.map(a => [a, ...grid.filter(({ from }) => from === a).map(textOf)])
  )
  process.stdout.write('\n')
  printTable(
    ['a NAT in common', 'direct by'],
    together.map(cell => [cell.from, textOf(cell)])
  )
}
