import { withDeadline } from '../core/deadline.ts'
import { NatError } from '../core/errors.ts'
import { canonicalIp, ipScope } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Family, Gateway, NetHost, UdpSocket } from '../core/net.ts'
import { captivePortal, type KnownPage } from './captive-portal.ts'
import { classify, type Samples, uplinksOf } from './classify.ts'
import { findHops, type WayOut, withGateway } from './hops.ts'
import { layers } from './layers.ts'
import { measureLifetime } from './lifetime.ts'
import { findNat64, NAT64_NAME } from './nat64.ts'
import { measurePathMtu } from './path-mtu.ts'
import { proxyOf } from './proxy.ts'
import type { Ipv6Report, NetworkReport, TransportReport } from './report.ts'
import { testTcp } from './tcp.ts'
import { type Nearest, noSamples, testUdp } from './udp.ts'

export interface ExamineInit {
  readonly host: NetHost
  /** STUN servers: the UDP addresses of hubs, for they answer on the port that QUIC has. Without any, only what a machine sees of itself. */
  readonly servers: readonly Endpoint[]
  /** Sockets whose mappings count; they are left open. @default sockets that are made for it */
  readonly shared?: { readonly udp4?: UdpSocket; readonly udp6?: UdpSocket }
  /** Also what takes long: lifetime of mappings, path MTU. @default false */
  readonly full?: boolean
  /** What port mapping protocols find, under way already. @default nobody was asked */
  readonly portMapping?: Promise<NetworkReport['portMapping']>
  /** Where proxies are named. @default none are */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** A page of a hub, to tell a login page from. @default none is asked for */
  readonly page?: KnownPage
  /** How long what is quick may take. Milliseconds. @default {@link QUICK_MS} */
  readonly withinMs?: number
  readonly signal?: AbortSignal
  /** Called with what is being done, in a few words. */
  readonly onProgress?: (text: string) => void
}

/** What can be found out without hubs' other services. */
export type Examined = Omit<NetworkReport, 'hubs' | 'reachability' | 'addresses'>

/** All that is quick is known by then, or said to be unknown for want of time: a person waits five seconds, and something is to be done after it. */
export const QUICK_MS = 4_500

/** A name server of the network answers at once. */
const NAME_MS = 1_000

const NOT_ASKED = { ok: false, gateway: null, external: null, reason: null }
export const NO_PORT_MAPPING: NetworkReport['portMapping'] = { pcp: NOT_ASKED, natPmp: NOT_ASKED, upnp: NOT_ASKED }

/**
 * Finds out what network a host is in. All is asked at the same time that does not disturb each other. Without `full` it ends within
 * {@link QUICK_MS}, mostly after four round trips to the nearest server.
 *
 * @throws the signal's reason
 */
export async function examine(init: ExamineInit): Promise<Examined> {
  const { host, servers, signal, onProgress = () => {} } = init
  // under way already, it may fail before it is waited for
  init.portMapping?.catch(() => {})
  signal?.throwIfAborted()
  const budget = new AbortController()
  const timer = host.clock.after(init.withinMs ?? QUICK_MS, () =>
    budget.abort(new NatError('TIMEOUT', 'the quick report is due'))
  )
  const onAbort = () => budget.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    onProgress('asking the hubs what they see')
    const gateways = await orElse(host.gateways(), [], budget.signal)
    const [v4, v6, portMapping, nat64, portal] = await Promise.all([
      testFamily(init, 4, gateways, budget.signal),
      testFamily(init, 6, gateways, budget.signal),
      orElse(init.portMapping ?? NO_PORT_MAPPING, NO_PORT_MAPPING, budget.signal),
      hasIpv6(host) ? orElse(nat64Within(host, budget.signal), null, budget.signal) : null,
      init.page == null ? null : orElse(captivePortal(host, init.page, budget.signal), null, budget.signal)
    ])
    timer.cancel()
    signal?.throwIfAborted()
    if (init.full === true) onProgress('waiting how long a mapping lives; up to three minutes')
    const [udp4, udp6] = await Promise.all([measureLong(init, v4), measureLong(init, v6)])
    signal?.throwIfAborted()
    const reports = { udp4: classify(udp4), udp6: classify(udp6), tcp4: classify(v4.tcp), tcp6: classify(v6.tcp) }
    return {
      ...reports,
      ipv6: { kind: kindOfIpv6(host, servers, reports), nat64 },
      portMapping,
      ...layers({
        own: ownOf(host, reports.udp4.local ?? reports.tcp4.local),
        public: reports.udp4.publicAddresses[0] ?? reports.tcp4.publicAddresses[0] ?? null,
        external: Object.values(portMapping).flatMap(({ external }) => external ?? []),
        way: v4.way
      }),
      uplinks: Math.max(uplinksOf(v4.udp), uplinksOf(v4.tcp)),
      hops: (v4.way?.routers ?? []).filter(hop => hop != null),
      proxy: proxyOf(init.environment ?? {}, [...new Set(servers.map(({ address }) => address))]),
      captivePortal: portal
    }
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', onAbort)
    budget.abort()
  }
}

interface FamilyFindings {
  readonly family: Family
  readonly udp: Samples
  readonly tcp: Samples
  readonly way: WayOut | null
  readonly nearest: Nearest | undefined
}

async function testFamily(
  init: ExamineInit,
  family: Family,
  gateways: readonly Gateway[],
  signal: AbortSignal
): Promise<FamilyFindings> {
  const { host, servers, shared } = init
  const local = localAddress(host, family, gateways)
  const nearest = Promise.withResolvers<Nearest | undefined>()
  const none = noSamples({ host, local, signal })
  // each may fail while another one is waited for
  const udp = testUdp({
    host,
    family,
    servers,
    shared: family === 4 ? shared?.udp4 : shared?.udp6,
    local,
    signal,
    onServer: nearest.resolve
  })
    .catch(() => none)
    .finally(() => nearest.resolve(undefined))
  const tcp = testTcp({ host, family, servers, learned: nearest.promise, local, signal }).catch(() => none)
  // the way is of interest only where there may be NATs on it
  const way = nearest.promise
    .then(found =>
      found?.translated === true && family === 4
        ? findHops(host, found.server, found.patience, signal).then(seen => withGateway(seen, gateways))
        : null
    )
    .catch(() => null)
  return { family, udp: await udp, tcp: await tcp, way: await way, nearest: await nearest.promise }
}

/** A network without a name server of its own must not hold up the report. */
function nat64Within(host: NetHost, signal: AbortSignal): Promise<string | null> {
  return withDeadline(host.clock, NAME_MS, `asking for ${NAT64_NAME}`, signal, until => findNat64(host, until))
}

/** Adds what takes long, if it is asked for; it needs a server that was found before. */
async function measureLong({ host, full, signal }: ExamineInit, findings: FamilyFindings): Promise<Samples> {
  const { family, udp, nearest } = findings
  if (full !== true || nearest == null) return udp
  const { server, patience } = nearest
  const until = signal ?? new AbortController().signal
  const [lifetime, pathMtu] = await Promise.all([
    measureLifetime(host, family, server, patience, until),
    measurePathMtu(host, family, server, patience, until)
  ])
  return { ...udp, lifetime, pathMtu }
}

/** Waits for a part of the report no longer than for the report. */
async function orElse<T>(work: Promise<T> | T, instead: T, signal: AbortSignal): Promise<T> {
  const due = Promise.withResolvers<T>()
  const onAbort = () => due.resolve(instead)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, due.promise])
  } catch {
    return instead
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The address of the interface that the default route leaves by. */
function localAddress(host: NetHost, family: Family, gateways: readonly Gateway[]): string | null {
  const own = host.addresses().filter(each => each.family === family && MAY_LEAVE.has(ipScope(each.address)))
  const route = gateways.find(gateway => gateway.family === family)
  const found = own.find(({ name }) => name === route?.interface) ?? own[0]
  return found == null ? null : canonicalIp(found.address)!
}

const MAY_LEAVE: ReadonlySet<string> = new Set(['public', 'private', 'reserved'])

function ownOf(host: NetHost, local: string | null): { address: string; prefixLength: number } | null {
  return host.addresses().find(({ address }) => canonicalIp(address) === local) ?? null
}

function hasIpv6(host: NetHost): boolean {
  return host.addresses().some(({ family, address }) => family === 6 && MAY_LEAVE.has(ipScope(address)))
}

function kindOfIpv6(
  host: NetHost,
  servers: readonly Endpoint[],
  { udp6, tcp6 }: Record<'udp6' | 'tcp6', TransportReport>
): Ipv6Report['kind'] {
  const heard = [udp6, tcp6].find(({ ok }) => ok)
  if (heard != null) return heard.translated === true ? 'nat66' : 'native'
  if (!hasIpv6(host)) return 'none'
  return servers.some(({ address }) => address.includes(':')) ? 'none' : 'unknown'
}
