// `npm run interop [-- OPTION …]`: hole punching between this project, go-libp2p and rust-libp2p. See docs/interop.md.
import { relative } from 'node:path'
import { capability } from '../../lab/lab.ts'
import type { Peer } from './builds.ts'
import { build } from './builds.ts'
import type { Implementation } from './matrix.ts'
import { cellName, matrix, needed, participants } from './matrix.ts'
import type { Options } from './options.ts'
import { readOptions, USAGE } from './options.ts'
import { provideRedis } from './redis.ts'
import type { Outcome } from './run-cell.ts'
import { runCell } from './run-cell.ts'
import type { Result } from './table.ts'
import { hasFailed, table } from './table.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

/** @returns the exit code: 1 when a cell failed, none could run, or one with a peer that the options name */
async function main({ filter, times, delayMs, debug }: Options): Promise<number> {
  const all = matrix(filter)
  const lab = await capability({ host: { link: {} } })
  if (!lab.ok) return refuse(`${lab.reason}. ${lab.fix}`)
  const redis = provideRedis()
  if ('missing' in redis) return refuse(redis.missing)

  const peers = new Map<Implementation, Peer>()
  for (const name of needed(all)) {
    const built = build(name)
    if ('missing' in built) say(`Without ${name}: ${built.missing}`)
    else peers.set(name, built)
  }
  const cells = all.filter(cell => participants(cell).every(name => peers.has(name)))
  if (cells.length === 0) return refuse('no cell is left to run')

  const results: Result[] = []
  for (const cell of cells) {
    const outcomes: Outcome[] = []
    for (let round = 1; round <= times; round++) {
      const outcome = await runCell(cell, { peers, redis: redis.program, delayMs, round, debug })
      outcomes.push(outcome)
      say(`${cellName(cell)}: ${describe(outcome)}`)
    }
    results.push({ cell, outcomes })
  }
  const skipped = all.length - cells.length
  say(`\n${[...peers].map(([name, peer]) => `${name} is ${peer.version}`).join(', ')}\n\n${table(results)}`)
  if (skipped > 0) say(`\n${skipped} cells skipped: see above for who is missing.`)
  // who is asked for by name has to be there
  const named = new Set(Object.values(filter).flat())
  const absent = needed(all).some(name => named.has(name) && !peers.has(name))
  return absent || results.some(hasFailed) ? 1 : 0
}

function describe(outcome: Outcome): string {
  if (outcome.ok) return `${outcome.timings.handshakeMs} ms`
  return `FAILED: ${outcome.reason}, see ${relative(process.cwd(), outcome.logs)}`
}

function refuse(reason: string): number {
  say(`No interop here: ${reason}`)
  return 1
}

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}

process.exitCode = await main(optionsOrExit())
