// Every place against every other one, in the lab: who connects directly, by what, and how soon. Writes docs/grid.json, and makes docs/grid.md and docs/grid.svg of it.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { openLab } from '../lab/lab.ts'
import { NEIGHBOURS, type Neighbours, PLACE_NAMES, type Place } from '../test/traversal/link/places.ts'
import { untilInterrupted } from './beeline.ts'
import type { Cell, Grid } from './grid/figures.ts'
import { gridPage } from './grid/page.ts'
import { gridPicture } from './grid/picture.ts'
import { gridSpec, type Stage, startStage } from './grid/stage.ts'
import { amount, count } from './options.ts'
import type { Connect } from './residents/peer.ts'
import type { Resident } from './residents/resident.ts'
import { median } from './statistics.ts'

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url))

const options = new Command('grid')
  .description('Every pair of places in the lab: direct by what, and how soon, or relayed.')
  .option('--delay <ms>', "of each side's link, one way", amount, 20)
  .option('--connects <n>', 'of each pair', count, 1)
  .option('--places <list>', 'only these, by their numbers from 0; nothing is written', value =>
    value.split(',').map(Number)
  )
  .option('--render', 'only makes the page and the picture of the figures that are there')
  .parse()
  .opts<{ delay: number; connects: number; places?: number[]; render?: true }>()

interface Pair {
  readonly alice: Resident
  readonly bob: Resident
  readonly connects: { readonly relay: Connect; readonly anything: Connect }[]
}

if (options.render) await write(JSON.parse(await readFile(`${DOCS}grid.json`, 'utf8')))
else {
  const grid = await measure()
  if (options.places == null) await write(grid)
  else process.stdout.write(gridPage(grid))
}

async function write(grid: Grid): Promise<void> {
  // as the linter wants it
  const json = JSON.stringify(grid, null, 2).replace(/"by": \[[^\]]*\]/g, by =>
    by
      .replace(/\s*\n\s*/g, ' ')
      .replace('[ ', '[')
      .replace(' ]', ']')
  )
  await writeFile(`${DOCS}grid.json`, `${json}\n`)
  await writeFile(`${DOCS}grid.md`, gridPage(grid))
  await writeFile(`${DOCS}grid.svg`, gridPicture(grid))
}

async function measure(): Promise<Grid> {
  const signal = untilInterrupted()
  const places = PLACE_NAMES.filter((_, i) => options.places?.includes(i) !== false)
  const neighbours = options.places == null ? (Object.keys(NEIGHBOURS) as Neighbours[]) : []
  await using lab = await openLab(gridSpec(places, neighbours, options.delay))
  const stage = await startStage(lab, places, neighbours, signal)
  process.stderr.write('all programs are up\n')
  const rows = places.map(bob => places.map(alice => pairOf(stage, alice, bob)))
  const together = neighbours.map(name => ({ name, pair: { ...stage.neighbours.get(name)!, connects: [] } as Pair }))
  for (let round = 1; round <= options.connects; round++) {
    for (const [row, place] of places.entries()) {
      for (const pair of rows[row]!) await connect(pair, signal)
      process.stderr.write(`${round}: ${place}: ${rows[row]!.map(pair => textOf(pair)).join('; ')}\n`)
    }
    for (const { name, pair } of together) {
      await connect(pair, signal)
      process.stderr.write(`${round}: ${name}: ${textOf(pair)}\n`)
    }
  }
  return {
    measured: new Date().toISOString().slice(0, 10),
    delayMs: options.delay,
    places,
    cells: rows.map(row => row.map(cellOf)),
    neighbours: together.map(({ name, pair }) => ({ ...cellOf(pair), name }))
  }
}

function pairOf(stage: Stage, alice: Place, bob: Place): Pair {
  return { alice: stage.places.get(alice)!.alice, bob: stage.places.get(bob)!.bob, connects: [] }
}

async function connect({ alice, bob, connects }: Pair, signal: AbortSignal): Promise<void> {
  const relay = await tried(bob.connect(alice, 'relay', signal))
  connects.push({ relay, anything: await tried(bob.connect(alice, 'anything', signal)) })
  signal.throwIfAborted()
}

/** A pair that cannot be measured is one that is not connected, and the others are measured all the same. */
async function tried(connecting: Promise<Connect>): Promise<Connect> {
  try {
    return await connecting
  } catch (error) {
    process.stderr.write(`${error}\n`)
    const nothing = { firstByteMs: null, directMs: null, technique: null, transport: null, conclusion: null }
    return { event: 'connect', ...nothing, attempts: [] }
  }
}

function cellOf({ connects }: Pair): Cell {
  const all = connects.map(({ anything }) => anything)
  const direct = all.filter(({ directMs }) => directMs != null)
  const by = direct.length === 0 ? all.map(({ conclusion }) => conclusion ?? 'nothing') : direct.map(nameOf)
  return {
    connects: all.length,
    connected: all.filter(({ firstByteMs }) => firstByteMs != null).length,
    direct: direct.length,
    by: [...Map.groupBy(by, name => name)].toSorted((a, b) => b[1].length - a[1].length).map(([name]) => name),
    firstByteMs: middle(all.map(({ firstByteMs }) => firstByteMs)),
    directMs: middle(all.map(({ directMs }) => directMs)),
    relayFirstByteMs: middle(connects.map(({ relay }) => relay.firstByteMs))
  }
}

function nameOf({ technique }: Connect): string {
  return technique ?? 'nothing'
}

function textOf(pair: Pair): string {
  const { by, directMs, firstByteMs } = cellOf(pair)
  return `${by.join('/')} ${directMs ?? '-'} (${firstByteMs})`
}

function middle(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value != null)
  return known.length === 0 ? null : Math.round(median(known))
}
