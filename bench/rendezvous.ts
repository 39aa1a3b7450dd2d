// What it costs a hub to keep records, to find them and to tell of changes, by where it keeps them (docs/performance.md). Linux only; Redis where redis-server is.
import { Command, Option } from 'commander'
import { untilInterrupted } from './beeline.ts'
import { count } from './options.ts'
import { type ConnectCost, measureConnects } from './rendezvous/connects.ts'
import { hasCores, LOAD_CORE, moveToCore } from './rendezvous/cores.ts'
import { CONNECTION_KINDS, type Kind, RECORD_KINDS } from './rendezvous/kinds.ts'
import { type MemoryOf, measureMemory } from './rendezvous/memory.ts'
import { type Contender, measureRates, type Rate } from './rendezvous/rates.ts'
import { seal, signers } from './rendezvous/records.ts'
import { STORE_NAMES, type StoreName } from './rendezvous/stores.ts'
import { printTable } from './table.ts'

const FIGURES = ['records', 'connections', 'fleet', 'crowd', 'connects'] as const
/** Of a fleet: what one hub does and no other takes part in, and what goes from one to another. */
const FLEET_KINDS = ['registration, PUT', 'lookup, GET', 'change of a watched peer'] as const

const program = new Command('rendezvous')
  .description('Registrations, lookups and pushes of one hub on one core, of hubs that share a Redis, and memory.')
  .addOption(new Option('--only <figure>', 'one of them').choices(FIGURES))
  .addOption(new Option('--stores <name...>', 'where records are kept').choices(STORE_NAMES).default([...STORE_NAMES]))
  .option('--rounds <n>', 'of all but crowd and connects; medians are printed', count, 3)
  .option('--requests <n>', 'of a kind in a round', count, 2_000)
  .option('--clients <n>', 'libp2p connections of a hub or fleet', count, 64)
  .option('--peers <n>', 'of the crowd: registered at once', count, 100_000)
  .option('--connected <n>', 'of the crowd: over a TCP connection of their own, and as many by QUIC', count, 250)
  .option('--watches <n>', 'of the crowd: peers that are watched', count, 50_000)
  .option('--connects <n>', 'in the lab', count, 100)
  .option('--json', 'prints the figures as JSON')
  .parse()
const options = program.opts<{
  only?: (typeof FIGURES)[number]
  stores: StoreName[]
  rounds: number
  requests: number
  clients: number
  peers: number
  connected: number
  watches: number
  connects: number
  json?: true
}>()

const signal = untilInterrupted()
moveToCore(LOAD_CORE)
const isWanted = (figure: (typeof FIGURES)[number]) => options.only == null || options.only === figure
const records = isWanted('records') ? await ratesOf(options.stores.map(alone), RECORD_KINDS) : []
const connections = isWanted('connections') ? await ratesOf([alone('SQLite')], CONNECTION_KINDS, options.clients) : []
const fleet = isWanted('fleet') ? await ratesOf([1, 2, 3].map(together), fleetKinds()) : []
const crowd = isWanted('crowd') ? await crowdOf() : []
const connects = isWanted('connects') ? await measureConnects(options.connects, signal) : undefined
if (options.json)
  process.stdout.write(`${JSON.stringify({ hasCores, records, connections, fleet, crowd, connects })}\n`)
else print()

function alone(store: StoreName): Contender {
  return { name: store, store, hubs: 1 }
}

function together(hubs: number): Contender {
  return { name: hubs === 1 ? '1 hub' : `${hubs} hubs`, store: 'Redis', hubs }
}

function fleetKinds(): Readonly<Record<string, Kind>> {
  return Object.fromEntries(FLEET_KINDS.map(kind => [kind, RECORD_KINDS[kind]!]))
}

async function ratesOf(
  contenders: readonly Contender[],
  kinds: Readonly<Record<string, Kind>>,
  quic = 0
): Promise<Rate[]> {
  const { rounds, requests, clients } = options
  return await measureRates({ contenders, kinds, rounds, requests, clients: { tcp: clients, quic } }, signal)
}

async function crowdOf(): Promise<MemoryOf[]> {
  const seq = Date.now()
  const connected = { tcp: await signers(options.connected), quic: await signers(options.connected) }
  const records = await seal(await signers(options.peers - 2 * options.connected), seq)
  const all: MemoryOf[] = []
  for (const store of options.stores) {
    signal.throwIfAborted()
    all.push(await measureMemory(store, { records, connected }, options.watches, seq))
  }
  return all
}

function print(): void {
  if (!hasCores) process.stdout.write('All processes share all cores: there is no taskset, or one core only.\n\n')
  if (records.length > 0) printRates('one hub', records)
  if (connections.length > 0) printRates('connections of one hub', connections)
  if (fleet.length > 0) printRates('hubs on one core, one Redis', fleet)
  if (crowd.length > 0) printCrowd()
  if (connects != null) printConnects(connects)
}

function printRates(title: string, figures: readonly Rate[]): void {
  const head = [title, '', 'a second', 'per CPU s', 'ratio', 'Redis, CPU ms per 1,000', 'p50 ms', 'p99 ms']
  const rows = figures.map(each => [
    each.kind,
    each.contender,
    each.perSecond.toFixed(0),
    each.perCpuSecond.toFixed(0),
    each.ratio.toFixed(2),
    each.storeMs === 0 ? '' : each.storeMs.toFixed(0),
    each.p50Ms?.toFixed(1) ?? '',
    each.p99Ms?.toFixed(1) ?? ''
  ])
  printTable(head, rows)
  process.stdout.write('\n')
}

function printCrowd(): void {
  const rows: Readonly<Record<string, (of: MemoryOf) => string>> = {
    'hub, resident, MB': of => (of.residentBytes / 1e6).toFixed(0),
    'a record, bytes of heap': of => of.perRecord.heap.toFixed(0),
    'a record, bytes resident': of => of.perRecord.resident.toFixed(0),
    "a record, bytes in the store's files or server": of => of.storeBytes?.toFixed(0) ?? '',
    'a connection by TCP, kB of heap': of => (of.perConnection.tcp.heap / 1e3).toFixed(1),
    'a connection by TCP, kB resident': of => (of.perConnection.tcp.resident / 1e3).toFixed(1),
    'a connection by QUIC, kB of heap': of => (of.perConnection.quic.heap / 1e3).toFixed(1),
    'a connection by QUIC, kB resident': of => (of.perConnection.quic.resident / 1e3).toFixed(1),
    'a watch, bytes of heap': of => of.perWatch.heap.toFixed(0),
    'a watch, bytes resident': of => of.perWatch.resident.toFixed(0),
    'registrations a second': of => of.registrationsPerSecond.toFixed(0),
    'lookups a second': of => of.lookupsPerSecond.toFixed(0),
    'lookups per CPU s': of => of.lookupsPerCpuSecond.toFixed(0),
    'lookup at half of that, p50 / p99 ms': of => `${of.p50Ms.toFixed(1)} / ${of.p99Ms.toFixed(1)}`
  }
  const title = `${options.peers.toLocaleString('en')} peers`
  printTable(
    [title, ...crowd.map(({ store }) => store)],
    Object.entries(rows).map(([name, cell]) => [name, ...crowd.map(cell)])
  )
}

function printConnects(of: ConnectCost): void {
  printTable(
    ['a connect through the hub', ''],
    [
      ['connects, of which direct', `${of.connects}, ${of.direct}`],
      ['CPU of the hub, ms', of.cpuMs.toFixed(1)],
      ['into the hub, kB', (of.bytesIn / 1e3).toFixed(1)],
      ['out of the hub, kB', (of.bytesOut / 1e3).toFixed(1)],
      ['a node that does nothing, packets a minute', of.idlePackets.toFixed(0)],
      ['a node that does nothing, kB a minute', (of.idleBytes / 1e3).toFixed(1)]
    ]
  )
}
