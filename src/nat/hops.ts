import type { Endpoint } from '../core/machine.ts'
import type { Family, Gateway, NetHost, ProbeSocket } from '../core/net.ts'
import { ask } from './ask.ts'
import type { Patience } from './patience.ts'

/** A home's router, a second one, the carrier's routers and its NAT: what lies beyond is the internet. */
const MAX_HOPS = 5

/** The way from this host to a server. */
export interface WayOut {
  /** Routers, the nearest first; null for one that is silent. */
  readonly routers: readonly (string | null)[]
  /** Whether the server itself comes after them, and no further router. */
  readonly arrives: boolean
}

/**
 * The routers on the way to a server; null where the system cannot ask. Each packet leaves a socket of its own that lets it pass so many
 * routers (RFC 1812 section 5.3.1), so that answers cannot be confused. The server itself answers those that reach it, which shows where
 * the way ends.
 */
export async function findHops(
  host: NetHost,
  server: Endpoint,
  { schedule }: Patience,
  signal: AbortSignal
): Promise<WayOut | null> {
  if (host.probe == null) return null
  const family: Family = server.address.includes(':') ? 6 : 4
  const ttls = Array.from({ length: MAX_HOPS }, (_, index) => index + 1)
  const opened = await Promise.allSettled(ttls.map(ttl => host.probe!({ family, ttl })))
  const sockets = opened.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  try {
    if (sockets.length < ttls.length) return null
    const found = await Promise.all(sockets.map(socket => ends(host, socket, server, schedule, signal)))
    const last = found.indexOf('server')
    // who is silent before the server is a router; beyond the last one that was seen there need not be any
    const end = last < 0 ? found.findLastIndex(hop => hop != null) + 1 : last
    return { routers: found.slice(0, end), arrives: last >= 0 }
  } finally {
    for (const socket of sockets) socket.close()
  }
}

/**
 * The first router is that of the default route, even when it is silent. Linux sends a host six ICMP errors at once and then one a second
 * (`icmp_ratelimit`), and a router without port mapping has spent them on "port unreachable" for those who asked it for that meanwhile.
 */
export function withGateway(way: WayOut | null, gateways: readonly Gateway[]): WayOut | null {
  const gateway = gateways.find(({ family }) => family === 4)
  if (way?.routers[0] !== null || gateway == null) return way
  return { ...way, routers: [gateway.address, ...way.routers.slice(1)] }
}

/** Where a packet of this socket ends: at the server, at a router, or nobody knows where. */
async function ends(
  host: NetHost,
  socket: ProbeSocket,
  to: Endpoint,
  schedule: Patience['schedule'],
  signal: AbortSignal
): Promise<string | null> {
  const told = new AbortController()
  let router: string | null = null
  const stop = socket.onIcmp(error => {
    if (error.type !== 'time-exceeded') return
    router = error.router
    told.abort()
  })
  const asked = await ask(host, socket, { to, schedule }, AbortSignal.any([signal, told.signal]))
  stop()
  return asked.type === 'silent' ? router : 'server'
}
