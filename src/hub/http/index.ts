import type { Transport } from '@libp2p/interface'
import type { WebSocketsComponents } from '@libp2p/websockets'
import type { FastifyInstance } from 'fastify'
import { type Clock, realClock } from '../../core/clock.ts'
import { webSocketsOf } from '../../libp2p/ws/transport.ts'
import { createApi } from './api.ts'
import type { HttpApi } from './context.ts'
import type { HttpGate } from './gate.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { HttpServers } from './server.ts'
import { TrustedProxies } from './source.ts'

export interface HttpServerOptions {
  /** IP addresses to listen on. */
  readonly hosts: readonly string[]
  /** The same for all of them; 0 takes a free one of the first. */
  readonly port: number
  readonly limits?: Partial<HttpLimits> | undefined
  /** Addresses and networks of reverse proxies, whose X-Forwarded-For counts. @default none */
  readonly trustedProxies?: readonly string[] | undefined
  /** @default the machine's */
  readonly clock?: Clock
}

/** A hub's HTTP server: the API, and libp2p's WebSockets on the same port. */
export interface HttpServer {
  /** For the hub's libp2p node, which has to be told the same hosts and {@link port} to listen on. */
  readonly transport: (components: WebSocketsComponents) => Transport
  readonly port: number
  readonly gate: HttpGate
  /** From now on there is an API. */
  serve(api: HttpApi): Promise<void>
  stop(): Promise<void>
}

/**
 * Listens. Until {@link HttpServer.serve} requests are told to come again, and WebSockets until the libp2p node listens.
 *
 * @throws NatError PORT_TAKEN, NO_NETWORK, BAD_OPTION
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { hosts, clock = realClock, trustedProxies = [] } = options
  const limits = { ...HTTP_LIMITS, ...options.limits }
  const proxies = new TrustedProxies(trustedProxies)
  const servers = new HttpServers(limits, proxies, clock)
  let { port } = options
  try {
    for (const host of hosts) port = await servers.listen(host, port)
  } catch (error) {
    await servers.stop()
    throw error
  }
  let app: FastifyInstance | undefined
  return {
    transport: webSocketsOf(servers),
    port,
    gate: servers.gate,
    async serve(api) {
      app = await createApi({ ...api, proxies }, limits, clock)
      servers.serve(app.routing)
    },
    async stop() {
      await servers.stop()
      await app?.close()
    }
  }
}

export type { HttpApi } from './context.ts'
export { HTTP_LIMITS, type HttpLimits } from './limits.ts'
