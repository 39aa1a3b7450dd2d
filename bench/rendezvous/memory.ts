import { quantile } from '../statistics.ts'
import { HTTP_WINDOW } from './http.ts'
import type { Way } from './hub.ts'
import type { Memory } from './hub-process.ts'
import type { LightClient } from './light-client.ts'
import { drain, paced } from './load.ts'
import { watchInTurn } from './news.ts'
import { type Sealed, type Signer, seal } from './records.ts'
import { Site } from './site.ts'
import type { StoreName } from './stores.ts'

/** All that are registered at once at one hub. */
export interface Held {
  /** Over HTTP, by somebody who has no connection but that of the request. */
  readonly records: readonly Sealed[]
  /** Over a libp2p connection of their own, which stays: by TCP, Noise and yamux, and by QUIC. */
  readonly connected: Readonly<Record<Way, readonly Signer[]>>
}

export interface MemoryOf {
  readonly store: StoreName
  readonly peers: number
  /** Of the hub's process, in all of it. */
  readonly residentBytes: number
  readonly perRecord: Cost
  readonly perConnection: Readonly<Record<Way, Cost>>
  readonly perWatch: Cost
  /** In the store's files, or its server's memory, a record. */
  readonly storeBytes: number | null
  readonly registrationsPerSecond: number
  readonly lookupsPerSecond: number
  readonly lookupsPerCpuSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Bytes of the hub's process. */
export interface Cost {
  readonly heap: number
  readonly resident: number
}

const LOOKUPS = 20_000
const STRIDE = 7_919
/** Requests that let Node load and compile what all of them need. */
const WARM_UP = 500
const WARM_UP_CONNECTIONS = 8
const WAYS: readonly Way[] = ['tcp', 'quic']

/** What a hub holds when so many are registered at once, and how it answers then. */
export async function measureMemory(
  store: StoreName,
  { records, connected }: Held,
  watches: number,
  seq: number
): Promise<MemoryOf> {
  await using site = await Site.start(store)
  const [hub, http] = [site.hubs[0]!, site.http[0]!]
  const lookUp = async ({ signer }: Sealed) => await http.get(signer.id)
  const everybody = [...connected.tcp, ...connected.quic]
  for (const way of WAYS) await site.connect(connected[way].slice(0, WARM_UP_CONNECTIONS), way)
  await drain(records.slice(0, WARM_UP), HTTP_WINDOW, async record => {
    await http.put(record)
    await lookUp(record)
  })
  const own = new Map((await seal(everybody, seq)).map(({ signer, envelope }) => [signer, envelope]))
  const register = async (clients: readonly LightClient[]) =>
    void (await drain(clients, HTTP_WINDOW, ({ signer, rendezvous }) => rendezvous.register(own.get(signer)!)))
  for (const way of WAYS) await register(site.clients[way])
  const started = await hub.memory()
  const add = async (way: Way) => {
    const { length } = site.clients[way]
    await site.connect(connected[way].slice(WARM_UP_CONNECTIONS), way)
    await register(site.clients[way].slice(length))
    return await hub.memory()
  }
  const withTcp = await add('tcp')
  const withConnections = await add('quic')
  const bytesBefore = await site.store.bytes()
  const fillSeconds = await drain(records.slice(WARM_UP), HTTP_WINDOW, record => http.put(record))
  const withRecords = await hub.memory()
  const bytesAfter = await site.store.bytes()
  const watched = records.slice(0, watches).map(({ signer }) => signer)
  await watchInTurn(site, watched)
  const withWatches = await hub.memory()
  const wanted = Array.from({ length: LOOKUPS }, (_, i) => records[(i * STRIDE) % records.length]!)
  const before = await hub.cpuSeconds()
  const seconds = await drain(wanted, HTTP_WINDOW, lookUp)
  const used = (await hub.cpuSeconds()) - before
  const taken = await paced(wanted, LOOKUPS / seconds / 2, lookUp)
  const filled = records.length - WARM_UP
  return {
    store,
    peers: records.length + everybody.length,
    residentBytes: withWatches.resident,
    perConnection: {
      tcp: cost(started, withTcp, connected.tcp.length - WARM_UP_CONNECTIONS),
      quic: cost(withTcp, withConnections, connected.quic.length - WARM_UP_CONNECTIONS)
    },
    perRecord: cost(withConnections, withRecords, filled),
    // the first one is watched by everybody
    perWatch: cost(withRecords, withWatches, watched.length - 1 + connected.tcp.length),
    storeBytes: bytesBefore == null || bytesAfter == null ? null : (bytesAfter - bytesBefore) / filled,
    registrationsPerSecond: filled / fillSeconds,
    lookupsPerSecond: LOOKUPS / seconds,
    lookupsPerCpuSecond: LOOKUPS / used,
    p50Ms: quantile(taken, 0.5),
    p99Ms: quantile(taken, 0.99)
  }
}

function cost(before: Memory, after: Memory, count: number): Cost {
  return { heap: (after.heap - before.heap) / count, resident: (after.resident - before.resident) / count }
}
