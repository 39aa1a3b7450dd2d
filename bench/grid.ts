// Which pairs of NATs end direct, and by what: the grid of the README (docs/performance.md).
import { Command } from 'commander'
import { type LabSpec, openLab } from '../lab/lab.ts'
import { untilInterrupted } from './beeline.ts'
import { CONTENDERS } from './connect/contenders.ts'
import { Site, type Summary } from './connect/site.ts'
import { amount, count } from './options.ts'
import { median } from './statistics.ts'
import { printTable } from './table.ts'

const easy = { mapping: 'endpoint-independent' } as const

/** What may be between a peer and the internet, the router next to the internet first. */
const PLACES = {
  public: [],
  firewall: [{ mapping: 'none' }],
  'port-preserving NAT': [easy],
  'two NATs in a row': [easy, easy],
  'random-port NAT': [{ mapping: 'address-and-port-dependent' }],
  'UDP blocked': [{ ...easy, blockUdp: true }]
} as const satisfies Record<string, readonly LabSpec[string][]>

type Place = keyof typeof PLACES

const options = new Command('grid')
  .description('Every pair of places in the lab: direct by what, or relayed.')
  .option('--delay <ms>', "of each side's link, one way", amount, 20)
  .option('--connects <n>', 'of each pair', count, 3)
  .parse()
  .opts<{ delay: number; connects: number }>()

const signal = untilInterrupted()

/** The routers of one side, named by it, and the peer behind them. */
function side(peer: string, place: Place): LabSpec {
  const link = { delayMs: options.delay }
  const routers = PLACES[place].map((router, index) => {
    const behind = index === 0 ? { link } : { behind: `${peer}${index - 1}` }
    return [`${peer}${index}`, { ...router, ...behind }] as const
  })
  const last = routers.at(-1)?.[0]
  return { ...Object.fromEntries(routers), [peer]: last == null ? { link } : { behind: last } }
}

async function measure(one: Place, other: Place): Promise<string> {
  await using lab = await openLab({ hub: {}, ...side('alice', one), ...side('bob', other) })
  const transport = one === 'UDP blocked' || other === 'UDP blocked' ? 'tcp' : 'quic'
  const site = await Site.start(lab, CONTENDERS.beeline, transport, signal)
  const summaries: Summary[] = []
  for (let i = 0; i < options.connects; i++) summaries.push(await site.connect(signal))
  return cell(summaries)
}

function cell(summaries: readonly Summary[]): string {
  const direct = summaries.filter(({ msDirect }) => msDirect != null)
  if (direct.length === 0) return summaries.every(({ connected }) => connected) ? 'relay' : 'FAILED'
  const ways = [...new Set(direct.map(({ technique }) => technique))].join(', ')
  const ms = Math.round(median(direct.map(({ msDirect }) => msDirect!)))
  return `${ways} ${ms} ms${direct.length < summaries.length ? ` (${direct.length} of ${summaries.length})` : ''}`
}

const places = Object.keys(PLACES) as Place[]
const rows: string[][] = []
for (const [index, one] of places.entries()) {
  const cells: string[] = []
  for (const [column, other] of places.entries()) cells.push(column < index ? '' : await measure(one, other))
  rows.push([one, ...cells])
  process.stderr.write(`${one} done\n`)
}
printTable(['', ...places], rows)
