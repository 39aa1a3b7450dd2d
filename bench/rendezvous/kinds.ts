import { comeAndGo } from './dialers.ts'
import { HTTP_WINDOW } from './http.ts'
import type { Way } from './hub.ts'
import type { LightClient } from './light-client.ts'
import { drain, paced } from './load.ts'
import { changeHeard } from './news.ts'
import { type Sealed, type Signer, seal } from './records.ts'
import type { Site } from './site.ts'

/** Requests of one kind, the same for every site that is compared. */
export interface Batch {
  /** How many requests, or pushes, it is. */
  readonly count: number
  /** As fast as they are answered. @returns seconds */
  fast(site: Site): Promise<number>
  /** So many a second. @returns milliseconds of each */
  steady?(site: Site, perSecond: number): Promise<number[]>
}

export interface Crowd {
  /** Registered at every site. */
  readonly signers: readonly Signer[]
  /** As well, and each of them watched by one of the clients; the first one by all of them. */
  readonly watched: readonly Signer[]
  /** Each site has a client of each of them. */
  readonly clients: Readonly<Record<Way, readonly Signer[]>>
  /** Higher than that of any record so far. */
  nextSeq(): number
}

export type Kind = (crowd: Crowd, count: number) => Promise<Batch>

/** A prime: who is looked for next is nowhere near the one before. */
const STRIDE = 7_919
/** A connection, or a circuit, takes about as long as so many requests. */
const HEAVY = 8

/** What the store has a part in. */
export const RECORD_KINDS: Readonly<Record<string, Kind>> = {
  'registration, PUT': (crowd, count) => changes(crowd, crowd.signers, count, put),
  'registration, stream': registrations('tcp'),
  'lookup, GET': lookups((site, { id }, i) => site.http[i % site.http.length]!.get(id)),
  'lookup, GET routing': lookups((site, { id }, i) => site.http[i % site.http.length]!.routing(id)),
  'lookup, stream': queries('tcp'),
  'change of a watched peer': (crowd, count) =>
    changes(crowd, crowd.watched.slice(1), count, (site, record, i) => changeHeard(site, record, i, 1)),
  'push to all watchers': async ({ clients, watched: [first], nextSeq }, count) => {
    const { length } = clients.tcp
    const records: Sealed[] = []
    while (records.length * length < count) records.push(...(await seal([first!], nextSeq())))
    return {
      count: records.length * length,
      fast: site => drain(records, 1, (record, i) => changeHeard(site, record, i, length))
    }
  }
}

/** What a peer's connection to its hub takes. */
export const CONNECTION_KINDS: Readonly<Record<string, Kind>> = Object.fromEntries(
  (['tcp', 'quic'] as const).flatMap(way => {
    const kinds: Readonly<Record<string, Kind>> = {
      connection: connections(way),
      reservation: byConnection(way, 1, client => client.reserve()),
      'sign of life': byConnection(way, 1, client => client.ping()),
      registration: registrations(way),
      lookup: queries(way),
      'refused circuit': byConnection(way, 1, (client, _, { watched }) => client.refusedCircuit(watched[0]!)),
      circuit: byConnection(way, HEAVY, (client, other) => client.circuit(other.signer))
    }
    return Object.entries(kinds).map(([name, kind]) => [`${name}, ${way.toUpperCase()}`, kind])
  })
)

async function put(site: Site, record: Sealed, i: number): Promise<void> {
  await site.http[i % site.http.length]!.put(record)
}

async function changes(
  { nextSeq }: Crowd,
  signers: readonly Signer[],
  count: number,
  make: (site: Site, record: Sealed, i: number) => Promise<void>
): Promise<Batch> {
  const some = signers.slice(0, count)
  const [now, later] = [await seal(some, nextSeq()), await seal(some, nextSeq())]
  return {
    count: some.length,
    fast: site => drain(now, HTTP_WINDOW, (record, i) => make(site, record, i)),
    steady: (site, perSecond) => paced(later, perSecond, (record, i) => make(site, record, i))
  }
}

/** Each peer's own records, one after the other. */
function registrations(way: Way): Kind {
  return async ({ clients, nextSeq }, count) => {
    const rounds: Sealed[][] = []
    while (rounds.length * clients[way].length < count) rounds.push(await seal(clients[way], nextSeq()))
    return {
      count: rounds.length * clients[way].length,
      fast: site =>
        drain(site.clients[way], clients[way].length, async ({ rendezvous }, i) => {
          for (const records of rounds) await rendezvous.register(records[i]!.envelope)
        })
    }
  }
}

function lookups(find: (site: Site, signer: Signer, i: number) => Promise<void>): Kind {
  return async ({ signers }, count) => {
    const wanted = Array.from({ length: count }, (_, i) => signers[(i * STRIDE) % signers.length]!)
    return {
      count,
      fast: site => drain(wanted, HTTP_WINDOW, (signer, i) => find(site, signer, i)),
      steady: (site, perSecond) => paced(wanted, perSecond, (signer, i) => find(site, signer, i))
    }
  }
}

function queries(way: Way): Kind {
  return lookups(({ clients }, signer, i) => clients[way][i % clients[way].length]!.rendezvous.query(signer))
}

function connections(way: Way): Kind {
  return async (_, count) => {
    const some = Math.ceil(count / HEAVY)
    return { count: some, fast: ({ hubs }) => comeAndGo(some, hubs[0]!.addresses[way]) }
  }
}

/** Each client one after the other, all of them at once; each with the next one, where it takes another one. */
function byConnection(
  way: Way,
  heavy: number,
  ask: (client: LightClient, other: LightClient, crowd: Crowd) => Promise<void>
): Kind {
  return async (crowd, count) => {
    const { length } = crowd.clients[way]
    const each = Math.ceil(count / heavy / length)
    const fast = ({ clients }: Site) =>
      drain(clients[way], length, async (client, i) => {
        for (let n = 0; n < each; n++) await ask(client, clients[way][(i + 1) % length]!, crowd)
      })
    return { count: each * length, fast }
  }
}
