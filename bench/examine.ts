// How long the quick report takes, and how many packets: in the lab without delay, and in the simulator over slow links (docs/performance.md).
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { openLab } from '../lab/lab.ts'
import { examine } from '../src/nat/examine.ts'
import { createSim } from '../src/sim/index.ts'
import { MAIN, Program } from '../test/cli/beeline.ts'
import { stunServer } from '../test/nat/stun-server.ts'
import { count } from './options.ts'
import { median, quantile } from './statistics.ts'
import { printTable } from './table.ts'

const PROGRAM = fileURLToPath(new URL('examine/program.ts', import.meta.url))

const ROUTERS = {
  'no NAT': undefined,
  'port-preserving NAT': { mapping: 'endpoint-independent' },
  'random-port NAT': { mapping: 'address-and-port-dependent' },
  'UDP blocked': { mapping: 'endpoint-independent', blockUdp: true }
} as const

type Router = (typeof ROUTERS)[keyof typeof ROUTERS]

const { runs } = new Command('examine')
  .description('Time and packets of the quick report.')
  .option('--runs <n>', 'of each kind of network in the lab', count, 21)
  .parse()
  .opts<{ runs: number }>()

/** What a host behind that router sends; between it and the hub lies the delay of one link, each way. */
function simulated(router: Router, delayMs: number) {
  const link = { delayMs }
  return router == null
    ? { hub: { addresses: 2 }, alice: { link } }
    : { hub: { addresses: 2 }, nat: { ...router, link }, alice: { behind: 'nat' } }
}

interface Measured {
  readonly ms: readonly number[]
  readonly udp: number
  readonly tcp: number
}

async function inSim(router: Router, delayMs: number): Promise<Measured> {
  using sim = createSim(simulated(router, delayMs))
  await stunServer(sim.host('hub'))
  let [udp, tcp] = [0, 0]
  sim.onPacket(({ node, what, packet }) => {
    if (node !== 'alice' || what !== 'sent') return
    if (packet.protocol === 'udp') udp++
    else tcp++
  })
  const servers = [{ address: sim.host('hub').ip, port: 4001 }]
  await sim.run(examine({ host: sim.host('alice'), servers }))
  return { ms: [sim.clock.now()], udp, tcp }
}

async function inLab(router: Router): Promise<readonly number[]> {
  const data = await mkdtemp(join(tmpdir(), 'beeline-examine-'))
  try {
    await using lab = await openLab(
      router == null
        ? { hub: { addresses: 2 }, alice: {} }
        : { hub: { addresses: 2 }, nat: router, alice: { behind: 'nat' } }
    )
    const hosts = lab.host('hub').ips.flatMap(ip => ['--host', ip])
    const argv = [process.execPath, MAIN, 'hub', ...hosts, '--data', data, '--json']
    await new Program(lab.spawn('hub', argv, { stdio: 'pipe' })).event(({ event }) => event === 'ready')
    const program = [process.execPath, PROGRAM, lab.host('hub').ip, '4001', `${runs}`]
    const { code, stdout, stderr } = await lab.exec('alice', program, { timeoutMs: 600_000 })
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as number[]
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

const rows: string[][] = []
for (const [about, router] of Object.entries(ROUTERS)) {
  const real = await inLab(router)
  const [near, far] = [await inSim(router, 50), await inSim(router, 200)]
  rows.push([
    about,
    `${Math.round(median(real))}`,
    `${Math.round(quantile(real, 0.9))}`,
    `${near.ms[0]}`,
    `${far.ms[0]}`,
    `${near.udp}`,
    `${near.tcp}`
  ])
  process.stderr.write(`${about} done\n`)
}
printTable(
  [
    'the quick report',
    'lab, ms',
    '90 % within',
    '50 ms links, ms',
    '200 ms links, ms',
    'UDP packets sent',
    'TCP segments sent'
  ],
  rows
)
