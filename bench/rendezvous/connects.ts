import { setTimeout as delay } from 'node:timers/promises'
import { type Lab, openLab } from '../../lab/lab.ts'
import { cpuSeconds } from '../cpu.ts'
import { Resident, startHub } from '../residents/resident.ts'

/** What one connect of two nodes takes from the hub that they meet at, until they have a direct path and none any more. */
export interface ConnectCost {
  readonly connects: number
  readonly direct: number
  /** Of the hub's process: all of the lookup, the circuit, and what is relayed. */
  readonly cpuMs: number
  /** Into and out of the hub's machine, with the headers of all layers but Ethernet's 14 bytes. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** What a node that is up and does nothing exchanges with its hub in a minute, by a connection that is QUIC. */
  readonly idlePackets: number
  readonly idleBytes: number
}

/** Those that make Node compile what all of them need. */
const WARM_UP = 20
const IDLE_SECONDS = 30
/** Both programs run two nodes. */
const NODES = 4
const HEADER_BYTES = 14

/** Two homes whose NATs are as most are, one hub, 20 ms each way. */
export async function measureConnects(connects: number, signal: AbortSignal): Promise<ConnectCost> {
  const nat = { mapping: 'endpoint-independent', link: { delayMs: 20 } } as const
  await using lab = await openLab({
    hub: { addresses: 2 },
    natA: nat,
    natB: nat,
    alice: { behind: 'natA' },
    bob: { behind: 'natB' }
  })
  const { hubs, pid } = await startHub(lab, signal)
  const start = (host: string) => Resident.start(lab, host, hubs.slice(0, 1), signal)
  const [alice, bob] = await Promise.all([start('alice'), start('bob')])
  for (let i = 0; i < WARM_UP; i++) await bob.connect(alice, 'anything', signal)
  const look = async () => ({ cpu: await cpuSeconds(pid), ms: performance.now(), ...(await traffic(lab)) })
  const quiet = await look()
  await delay(IDLE_SECONDS * 1_000, undefined, { signal })
  const before = await look()
  let direct = 0
  for (let i = 0; i < connects; i++) {
    const { directMs } = await bob.connect(alice, 'anything', signal)
    if (directMs != null) direct++
  }
  const after = await look()
  await Promise.all([alice.stop(), bob.stop()])
  /** What the connects have added to what goes on anyway, of each. */
  const share = (key: 'cpu' | 'bytesIn' | 'bytesOut') => {
    const perMs = (before[key] - quiet[key]) / (before.ms - quiet.ms)
    return (after[key] - before[key] - perMs * (after.ms - before.ms)) / connects
  }
  const minutes = (NODES * (before.ms - quiet.ms)) / 60_000
  return {
    connects,
    direct,
    cpuMs: share('cpu') * 1_000,
    bytesIn: share('bytesIn'),
    bytesOut: share('bytesOut'),
    idlePackets: (before.packets - quiet.packets) / minutes,
    idleBytes: (before.bytesIn + before.bytesOut - quiet.bytesIn - quiet.bytesOut) / minutes
  }
}

async function traffic(lab: Lab): Promise<{ bytesIn: number; bytesOut: number; packets: number }> {
  const { stdout } = await lab.exec('hub', ['cat', '/proc/net/dev'])
  const lines = stdout.split('\n').filter(line => line.includes(':') && !line.trim().startsWith('lo:'))
  // after the name: bytes and packets received, six more of that, bytes and packets sent
  const rows = lines.map(line => line.split(':')[1]!.trim().split(/\s+/).map(Number))
  const sum = (column: number) => rows.reduce((total, row) => total + row[column]!, 0)
  const [packetsIn, packetsOut] = [sum(1), sum(9)]
  return {
    bytesIn: sum(0) - HEADER_BYTES * packetsIn,
    bytesOut: sum(8) - HEADER_BYTES * packetsOut,
    packets: packetsIn + packetsOut
  }
}
