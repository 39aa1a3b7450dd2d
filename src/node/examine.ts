import type { Connection, Libp2p, PeerId, Transport } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { withDeadline } from '../core/deadline.ts'
import { ipScope } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { NetHost } from '../core/net.ts'
import { secureRandom } from '../core/random.ts'
import type { Autonat } from '../libp2p/autonat/index.ts'
import { endpointOf } from '../libp2p/candidate.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import { type SharedSockets, sharedSockets } from '../libp2p/quic/shared.ts'
import { PING, roundTrips } from '../libp2p/round-trips.ts'
import type { KnownPage } from '../nat/captive-portal.ts'
import { type Examined, examine, QUICK_MS } from '../nat/examine.ts'
import { NetworkMemory, networkKey } from '../nat/memory.ts'
import { endpointText, type HubReport, type NetworkReport } from '../nat/report.ts'
import { STUN_PORT } from '../nat/servers.ts'
import { probePortMapping } from '../portmap/index.ts'
import { reachabilityOf } from './reachability.ts'

export interface ExamineOptions {
  /** Also what takes minutes: the lifetime of mappings, and the path MTU. @default false */
  readonly full?: boolean
  /** Takes what was found in this network before, if there is something. @default false */
  readonly remembered?: boolean
  /** How long what is quick may take. Milliseconds. @default QUICK_MS */
  readonly withinMs?: number
  readonly signal?: AbortSignal
  /** Called with what is being done, in a few words. */
  readonly onProgress?: (text: string) => void
}

/** The first finds code that has never run: the shortest of a few is the network's. */
const PINGS = 3
const PINGS_MS = 3_000
/** By then a hub's identify has told what is to be asked about, if anything is. */
const CANDIDATES_MS = 1_000

/** What an examination needs of a node. */
export interface Examinee {
  readonly host: NetHost
  readonly memory: NetworkMemory
  readonly hubs: readonly Multiaddr[]
  readonly hubIds: readonly PeerId[]
  readonly autonat: Autonat
  /** Whether the router may be asked. */
  readonly portMapping: boolean
  /** Only what a NetworkSummary is made of, and what others do not tell anyway: fewer packets, and no waiting for hubs that dial us. */
  readonly brief: boolean
  /** Where the hubs' connections go: of a hub with a name this is the only literal address. */
  hubAddresses(): readonly Multiaddr[]
  /** The addresses that hubs say they listen on. */
  hubListens(): Promise<readonly Multiaddr[]>
  sockets(): Promise<SharedSockets>
  /** Round trips to a hub, as many as are asked for. Milliseconds. */
  pings(hub: PeerId, signal: AbortSignal): AsyncIterable<number>
}

/** What a libp2p node has to be, for an examination. */
type Examinable = Libp2p<{ autonat: Autonat }>

/** @param hubs with their peer ids */
export function examineeOf(
  libp2p: Examinable,
  transports: readonly Transport[],
  hubs: readonly Multiaddr[],
  { host, portMapping, brief }: Pick<Examinee, 'host' | 'portMapping' | 'brief'>
): Examinee {
  const hubIds = [...new Map(hubs.map(hub => [String(lastPeer(hub)), lastPeer(hub)!])).values()]
  const connections = () => hubIds.flatMap(id => libp2p.getConnections(id))
  const listens = async ({ remotePeer }: Connection) => {
    // one that has not said who it is yet may be unknown there
    const known = await libp2p.peerStore.get(remotePeer).catch(() => undefined)
    return (known?.addresses ?? []).map(({ multiaddr }) => multiaddr)
  }
  return {
    host: brief ? withoutProbes(host) : host,
    memory: new NetworkMemory(),
    hubs,
    hubIds,
    autonat: libp2p.services.autonat,
    portMapping,
    brief,
    hubAddresses: () => connections().map(({ remoteAddr }) => remoteAddr),
    hubListens: async () => [...hubs, ...(await Promise.all(connections().map(listens))).flat()],
    sockets: () => sharedSockets(transports),
    pings: async function* (hub, signal) {
      const stream = await libp2p.dialProtocol(hub, PING, { signal })
      try {
        yield* roundTrips(stream, { clock: host.clock, random: secureRandom }, signal)
      } finally {
        stream.abort(new Error('enough pings'))
      }
    }
  }
}

/** @throws the signal's reason */
export async function examineNode(node: Examinee, options: ExamineOptions = {}): Promise<NetworkReport> {
  const { host, memory, autonat, brief } = node
  const { full = false, remembered = false, withinMs = QUICK_MS, onProgress } = options
  const { signal = new AbortController().signal } = options
  const key = networkKey(host.addresses(), await host.gateways())
  const known = remembered ? memory.recall(key, seenAddress(autonat)) : undefined
  if (known != null) return known
  const startMs = host.clock.now()
  const listens = await node.hubListens()
  const [found, hubs] = await Promise.all([
    examine({
      host,
      servers: stunServers([
        ...node.hubs,
        ...node.hubAddresses(),
        ...beside(node.hubAddresses(), listens).filter(isUdp)
      ]),
      shared: await node.sockets(),
      full,
      ...(node.portMapping ? { portMapping: probePortMapping(host, signal) } : {}),
      environment: process.env,
      ...(brief ? {} : pageOf([...node.hubs, ...beside(node.hubAddresses(), listens)])),
      withinMs,
      signal,
      ...(onProgress == null ? {} : { onProgress })
    }),
    brief ? [] : Promise.all(node.hubIds.map(hub => askHub(node, hub, signal)))
  ])
  let reachability = reachabilityOf(autonat.reachability)
  if (reachability === 'unknown') reachability = inferred(found.udp4) ?? reachability
  if (reachability === 'unknown' && !brief) {
    onProgress?.('waiting for a hub that tries to reach us')
    reachability = await toldWithin(node, startMs + withinMs - host.clock.now(), signal)
  }
  const addresses = autonat.addresses.map(({ address, verdict }) => ({
    address,
    reachable: verdict === 'unknown' ? null : verdict === 'reachable'
  }))
  const report = { ...found, ...withTcp(found, node.hubAddresses()), reachability, addresses, hubs }
  memory.keep(key, report)
  return report
}

/** Where nobody asks which routers are on the way. */
function withoutProbes({ probe: _, ...host }: NetHost): NetHost {
  return host
}

/**
 * Every hub answers STUN on the port that QUIC has; of one that is reached otherwise, the usual port is worth a question, and so is the
 * one that TCP has, which mostly is that of QUIC too.
 */
export function stunServers(addresses: readonly Multiaddr[]): Endpoint[] {
  return addresses.flatMap(address => {
    const endpoint = endpointOf(address)
    if (endpoint == null) return []
    if (isUdp(address)) return [endpoint]
    const isPlain = address.getComponents().every(({ name }) => name !== 'ws' && name !== 'wss')
    return [{ ...endpoint, port: STUN_PORT }, ...(isPlain ? [endpoint] : [])]
  })
}

/** What hubs say that they listen on, on hosts where they are known to be: nobody sends us anywhere else. */
function beside(known: readonly Multiaddr[], listens: readonly Multiaddr[]): Multiaddr[] {
  const hosts = new Set(known.map(address => endpointOf(address)?.address))
  return listens.filter(address => {
    const endpoint = endpointOf(address)
    return endpoint != null && hosts.has(endpoint.address)
  })
}

function isUdp(address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === 'udp')
}

/**
 * A hub's WebSocket listener is an HTTP server, which js-libp2p lets refuse everything else in these words: a login page that answers in
 * place of everybody does not know them.
 */
function pageOf(addresses: readonly Multiaddr[]): { page?: KnownPage } {
  const ws = addresses.find(address => /^\/ip[46]\/[^/]+\/tcp\/\d+\/ws(\/p2p\/|$)/.test(address.toString()))
  const endpoint = ws == null ? undefined : endpointOf(ws)
  return endpoint == null ? {} : { page: { url: `http://${endpointText(endpoint)}/`, contains: 'Only WebSocket' } }
}

async function askHub(node: Examinee, hub: PeerId, signal: AbortSignal): Promise<HubReport> {
  const id = hub.toString()
  const rttsMs: number[] = []
  try {
    await withDeadline(node.host.clock, PINGS_MS, `pings of ${id}`, signal, async limit => {
      for await (const rttMs of node.pings(hub, limit)) if (rttsMs.push(rttMs) === PINGS) break
    })
  } catch {
    signal.throwIfAborted()
  }
  return { id, rttMs: rttsMs.length === 0 ? null : Math.min(...rttsMs) }
}

/** A hub's STUN server may be at a port that nobody knows; that TCP passes is known where the hub is connected by it. */
function withTcp({ tcp4, tcp6 }: Examined, connected: readonly Multiaddr[]): Pick<NetworkReport, 'tcp4' | 'tcp6'> {
  const hosts = connected.filter(address => !isUdp(address)).flatMap(address => endpointOf(address)?.address ?? [])
  return {
    tcp4: { ...tcp4, ok: tcp4.ok || hosts.some(host => !host.includes(':')) },
    tcp6: { ...tcp6, ok: tcp6.ok || hosts.some(host => host.includes(':')) }
  }
}

/** A hub needs seconds to find that it cannot reach us. What asks who is talked to lets no stranger in: that is quicker to know. */
function inferred({ ok, filtering }: NetworkReport['udp4']): NetworkReport['reachability'] | undefined {
  return ok && filtering != null && filtering !== 'endpoint-independent' ? 'private' : undefined
}

async function toldWithin({ autonat, host }: Examinee, ms: number, signal: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const off = autonat.events.on('reachability', () => {
    if (reachabilityOf(autonat.reachability) !== 'unknown') resolve()
  })
  // where our addresses are no public ones, no hub is asked about them
  const nothing = host.clock.after(CANDIDATES_MS, () => {
    if (autonat.addresses.length === 0) resolve()
  })
  await withDeadline(host.clock, Math.max(0, ms), 'a verdict', signal, () => promise).catch(() => {})
  nothing.cancel()
  off()
  signal.throwIfAborted()
  return reachabilityOf(autonat.reachability)
}

/** The public IPv4 address that hubs see now. */
function seenAddress({ addresses }: Autonat): string | undefined {
  const hosts = addresses.map(({ address }) => /^\/ip4\/([^/]+)\//.exec(address)?.[1])
  return hosts.find(host => host != null && ipScope(host) === 'public')
}
