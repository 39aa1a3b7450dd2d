import { isIPv6 } from 'node:net'
import { type Clock, realClock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { UdpSocket } from '../../core/net.ts'
import { systemUdp } from '../../socket/system/udp.ts'
import { freePort } from '../free-port.ts'
import { STUN_LIMITS, type StunLimits } from './limits.ts'
import { RationedStun } from './ration.ts'
import { type StunPlace, streamSites, stunSites } from './sites.ts'
import { StunStreams, type StunTls } from './streams.ts'

/** An address to listen on. */
export interface StunHost {
  readonly host: string
  /** What others know it as; undefined where nobody can tell. */
  readonly address: string | undefined
  /** A socket at the same address and another port, which answers too: that of QUIC. */
  readonly shared?: UdpSocket
}

export interface StunServerOptions {
  readonly hosts: readonly StunHost[]
  /** UDP and TCP; 0 takes one that is free for both. @default 3478, or a free one where that is taken */
  readonly port?: number
  readonly tls?: StunTls & { readonly port: number }
  readonly limits?: Partial<StunLimits>
  readonly clock?: Clock
}

export interface StunServer {
  readonly port: number
  /** Open connections, TCP and TLS. */
  readonly connections: number
  stop(): Promise<void>
}

const DEFAULT_PORT = 3478
/** Another program may take a free port before we do. */
const TRIES = 8

/** Answers STUN on all hosts. @throws NatError PORT_TAKEN, NO_NETWORK */
export async function startStunServer(options: StunServerOptions): Promise<StunServer> {
  if (options.port != null && options.port !== 0) return await open(options, options.port)
  for (let tries = 0; ; tries++) {
    const first = options.port == null && tries === 0
    const port = first ? DEFAULT_PORT : await freePort(options.hosts[0]?.host ?? '0.0.0.0')
    try {
      return await open(options, port)
    } catch (error) {
      if (!(error instanceof NatError && error.code === 'PORT_TAKEN') || tries === TRIES) throw error
    }
  }
}

async function open(options: StunServerOptions, port: number): Promise<StunServer> {
  const { hosts, tls, clock = realClock } = options
  const limits = { ...STUN_LIMITS, ...options.limits }
  const ration = new RationedStun(limits, clock)
  const streams = new StunStreams(limits, ration, clock)
  const own: UdpSocket[] = []
  const stop = async () => {
    for (const socket of own) socket.close()
    for (const { shared } of hosts) shared?.close()
    await streams.stop()
  }
  try {
    const sockets: { readonly socket: UdpSocket; readonly place: StunPlace }[] = []
    for (const { host, address, shared } of hosts) {
      const place = placeOf(host, address, port)
      const socket = await systemUdp({ family: place.family, address: host, port })
      own.push(socket)
      sockets.push({ socket, place })
      if (shared != null) sockets.push({ socket: shared, place: { ...place, port: shared.local.port } })
    }
    for (const each of tls == null ? [{ port }] : [{ port }, { port: tls.port, tls }]) {
      const sites = streamSites(hosts.map(({ host, address }) => placeOf(host, address, each.port)))
      for (const [via, { host }] of hosts.entries()) {
        await streams.listen(host, each.port, sites, via, 'tls' in each ? each.tls : undefined)
      }
    }
    // only now, so that nobody is answered by a server that does not start
    serve(sockets, ration)
  } catch (error) {
    for (const socket of own) socket.close()
    await streams.stop()
    throw error
  }
  return {
    port,
    stop,
    get connections() {
      return streams.connections
    }
  }
}

function serve(sockets: readonly { readonly socket: UdpSocket; readonly place: StunPlace }[], ration: RationedStun) {
  const sites = stunSites(sockets.map(({ place }) => place))
  for (const [via, { socket }] of sockets.entries()) {
    socket.onPacket((bytes, from) => {
      const reply = ration.respond(bytes, { from, via, transport: 'udp' }, sites)
      if (reply != null) sockets[reply.via]!.socket.send(reply)
    })
  }
}

function placeOf(host: string, address: string | undefined, port: number): StunPlace {
  return { family: isIPv6(host) ? 6 : 4, host, address, port }
}
