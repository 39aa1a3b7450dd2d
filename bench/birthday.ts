// How surely and how fast ports are found that nobody can be told, in the lab (docs/performance.md).
import { Command, Option } from 'commander'
import { type Lab, type LabSpec, openLab } from '../lab/lab.ts'
import { untilInterrupted } from './beeline.ts'
import { amount, count } from './options.ts'
import type { Connect } from './residents/peer.ts'
import { Resident, startHub } from './residents/resident.ts'
import { median, quantile } from './statistics.ts'
import { printTable } from './table.ts'

const easy = { mapping: 'endpoint-independent' } as const
const random = { mapping: 'address-and-port-dependent' } as const
const sequential = { mapping: 'address-and-port-dependent', allocation: 'sequential' } as const

/** Alice's router, and bob's, who dials. */
const PAIRS = {
  'easy-random': [easy, random],
  'random-easy': [random, easy],
  'sequential-sequential': [sequential, sequential],
  'easy-sequential': [easy, sequential],
  'sequential-easy': [sequential, easy]
} as const satisfies Record<string, readonly [LabSpec[string], LabSpec[string]]>

type PairName = keyof typeof PAIRS

const { pair, connects, delay, json } = new Command('birthday')
  .description('Connects between two NATs of which one or both give ports that nobody can be told.')
  .addOption(
    new Option('--pair <name>', "alice's NAT and bob's, who dials")
      .choices(Object.keys(PAIRS))
      .default('easy-random' satisfies PairName)
  )
  .option('--connects <n>', 'one after the other', count, 200)
  .option('--delay <ms>', "of each side's link, one way", amount, 20)
  .option('--json', 'every connect as a JSON line')
  .parse()
  .opts<{ pair: PairName; connects: number; delay: number; json?: true }>()

/** A program sends one host no more probes at once than one attempt needs at worst, however often it connects (traversal/link/budget.ts): others take over in time. */
const CONNECTS_OF_ONE = 2

interface Run extends Connect {
  /** Packets to the internet in the whole connect, by side. */
  readonly packets: readonly [number, number]
}

const signal = untilInterrupted()
const runs: Run[] = []
const [natA, natB] = PAIRS[pair]
const link = { delayMs: delay }
await using lab = await openLab({
  hub: { addresses: 2 },
  natA: { ...natA, link },
  natB: { ...natB, link },
  alice: { behind: 'natA' },
  bob: { behind: 'natB' }
})
const { hubs } = await startHub(lab, signal)
const start = () => Promise.all(['alice', 'bob'].map(host => Resident.start(lab, host, hubs, signal)))
let programs = await start()
while (runs.length < connects && !signal.aborted) {
  if (runs.length > 0 && runs.length % CONNECTS_OF_ONE === 0) {
    await Promise.all(programs.map(program => program.stop()))
    programs = await start()
  }
  const [alice, bob] = programs as [Resident, Resident]
  // holes that the last connect has left in the router that keeps ports would help this one; the others have moved on by themselves
  for (const [name, nat] of [['natA', natA] as const, ['natB', natB] as const]) {
    if (nat === easy) await lab.flushNat(name)
  }
  const before = await sentBy(lab)
  const connect = await bob.connect(alice, 'anything', signal)
  const after = await sentBy(lab)
  const run = { ...connect, packets: [after[0] - before[0], after[1] - before[1]] as const }
  runs.push(run)
  if (json) process.stdout.write(`${JSON.stringify(run)}\n`)
  else if (run.directMs == null) process.stderr.write(`connect ${runs.length} was not direct: ${why(run, alice)}\n`)
}
if (!json) report()

async function sentBy(of: Lab): Promise<readonly [number, number]> {
  const [a, b] = await Promise.all(
    ['natA', 'natB'].map(async router => {
      const { stdout } = await of.exec(router, ['cat', '/proc/net/dev'])
      // after the name: eight of what was received, the second of which are packets, and then bytes and packets that were sent
      const line = stdout.split('\n').find(each => each.trim().startsWith('wan:'))
      return Number(line?.split(':')[1]?.trim().split(/\s+/)[9])
    })
  )
  return [a!, b!]
}

function why({ attempts, conclusion }: Connect, other: Resident): string {
  const ours = attempts.map(({ technique, reason, detail }) => `${technique}: ${reason} (${detail ?? ''})`)
  const theirs = other.attempts.slice(-8).map(({ technique, reason, detail }) => `${technique}: ${reason} (${detail})`)
  return `${conclusion}; ${ours.join(', ')}; the other side: ${theirs.join(', ')}`
}

function report(): void {
  const direct = runs.filter(({ directMs }) => directMs != null)
  const techniques = Map.groupBy(direct, ({ technique }) => technique)
  const ways = [...techniques].map(([name, { length }]) => `${name} ${length}`).join(', ')
  process.stdout.write(`${pair}: ${direct.length} of ${runs.length} direct (${ways})\n\n`)
  const row = (what: string, values: readonly number[]) => [
    what,
    ...[median(values), quantile(values, 0.9), quantile(values, 0.98), Math.max(...values)].map(each => each.toFixed(0))
  ]
  printTable(
    [pair, 'median', '90 % within', '98 % within', 'worst'],
    [
      row(
        'first byte, ms',
        runs.flatMap(({ firstByteMs }) => firstByteMs ?? [])
      ),
      row(
        'direct, ms',
        direct.map(({ directMs }) => directMs!)
      ),
      row(
        "packets, alice's side",
        direct.map(({ packets }) => packets[0])
      ),
      row(
        "packets, bob's side",
        direct.map(({ packets }) => packets[1])
      )
    ]
  )
}
