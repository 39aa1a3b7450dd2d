import { median, quantile } from '../statistics.ts'
import { HTTP_WINDOW } from './http.ts'
import type { Way } from './hub.ts'
import type { Batch, Crowd, Kind } from './kinds.ts'
import { drain } from './load.ts'
import { watchInTurn } from './news.ts'
import { seal, signers } from './records.ts'
import { Site } from './site.ts'
import type { StoreName } from './stores.ts'

/** Hubs on one core that share a store. */
export interface Contender {
  readonly name: string
  readonly store: StoreName
  readonly hubs: number
}

export interface RatesInit {
  readonly contenders: readonly Contender[]
  readonly kinds: Readonly<Record<string, Kind>>
  readonly rounds: number
  /** Requests of a kind in a round. */
  readonly requests: number
  /** Connections to the hubs. */
  readonly clients: Readonly<Record<Way, number>>
}

/** Medians of the rounds. */
export interface Rate {
  readonly kind: string
  readonly contender: string
  readonly perSecond: number
  /** Of all hubs together. */
  readonly perCpuSecond: number
  /** What is done per second of CPU, to what the first contender does in the same round. */
  readonly ratio: number
  /** Of the store's server, milliseconds of CPU per 1,000. */
  readonly storeMs: number
  /** At half of that round's rate, in milliseconds. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

type Run = Omit<Rate, 'kind' | 'contender' | 'ratio'>

/** What hubs do, the contenders in turns within each round. */
export async function measureRates(init: RatesInit, signal: AbortSignal): Promise<Rate[]> {
  const crowd = await newCrowd(init)
  const sites: Site[] = []
  try {
    for (const { store, hubs } of init.contenders) {
      const site = await Site.start(store, hubs)
      sites.push(site)
      await populate(site, crowd)
    }
    const runs = new Map<string, Run[][]>(Object.keys(init.kinds).map(kind => [kind, []]))
    for (let round = 0; round < init.rounds; round++) {
      for (const [kind, rows] of runs) {
        signal.throwIfAborted()
        const batch = await init.kinds[kind]!(crowd, init.requests)
        const row: Run[] = []
        for (const site of sites) row.push(await run(site, batch))
        rows.push(row)
      }
    }
    return [...runs].flatMap(([kind, rows]) =>
      init.contenders.map(({ name }, i) => ({ kind, contender: name, ...middle(rows, i) }))
    )
  } finally {
    for (const site of sites) await site[Symbol.asyncDispose]()
  }
}

async function newCrowd({ requests, clients }: RatesInit): Promise<Crowd> {
  let seq = Date.now()
  return {
    signers: await signers(requests),
    watched: await signers(requests + 1),
    clients: { tcp: await signers(clients.tcp), quic: await signers(clients.quic) },
    nextSeq: () => ++seq
  }
}

async function populate(site: Site, { clients, signers, watched, nextSeq }: Crowd): Promise<void> {
  await site.connect(clients.tcp, 'tcp')
  await site.connect(clients.quic, 'quic')
  // who opens a circuit has somebody to open it to
  for (const client of [...site.clients.tcp, ...site.clients.quic]) await client.reserve()
  const records = await seal([...signers, ...watched], nextSeq())
  await drain(records, HTTP_WINDOW, (record, i) => site.http[i % site.http.length]!.put(record))
  await watchInTurn(site, watched)
}

async function run(site: Site, batch: Batch): Promise<Run> {
  const before = await site.cpuSeconds()
  const seconds = await batch.fast(site)
  const after = await site.cpuSeconds()
  const perSecond = batch.count / seconds
  const taken = await batch.steady?.(site, perSecond / 2)
  return {
    perSecond,
    perCpuSecond: batch.count / (after.hubs - before.hubs),
    storeMs: ((after.store - before.store) * 1e6) / batch.count,
    p50Ms: taken == null ? null : quantile(taken, 0.5),
    p99Ms: taken == null ? null : quantile(taken, 0.99)
  }
}

function middle(rows: readonly (readonly Run[])[], i: number): Omit<Rate, 'kind' | 'contender'> {
  const all = rows.map(row => row[i]!)
  const of = (key: 'perSecond' | 'perCpuSecond' | 'storeMs') => median(all.map(each => each[key]))
  const late = (key: 'p50Ms' | 'p99Ms') => (all[0]?.[key] == null ? null : median(all.map(each => each[key]!)))
  return {
    perSecond: of('perSecond'),
    perCpuSecond: of('perCpuSecond'),
    ratio: median(rows.map(row => row[i]!.perCpuSecond / row[0]!.perCpuSecond)),
    storeMs: of('storeMs'),
    p50Ms: late('p50Ms'),
    p99Ms: late('p99Ms')
  }
}
