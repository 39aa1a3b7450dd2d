import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { sourceOf } from '../../core/ip.ts'
import { StunFrames } from '../../wire/stun/index.ts'
import type { StunLimits } from './limits.ts'
import type { RationedStun } from './ration.ts'
import type { StunSite } from './sites.ts'

/** A certificate with its key, both in PEM. */
export interface StunTls {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

/** STUN over TCP and over TLS (RFC 8489 sections 6.2.2 and 6.2.3), within bounds on connections and time. */
export class StunStreams {
  readonly #limits: StunLimits
  readonly #ration: RationedStun
  readonly #clock: Clock
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #from = new Map<string, number>()

  constructor(limits: StunLimits, ration: RationedStun, clock: Clock) {
    this.#limits = limits
    this.#ration = ration
    this.#clock = clock
  }

  /** @param via which of the sites listens there @throws NatError PORT_TAKEN, NO_NETWORK */
  async listen(host: string, port: number, sites: readonly StunSite[], via: number, tls?: StunTls): Promise<void> {
    const serve = (socket: Socket) => this.#serve(socket, sites, via)
    const server = tls == null ? createServer(serve) : tlsServer(tls, this.#limits.idleMs).on('secureConnection', serve)
    // a TLS connection counts from its first byte on, not only after the handshake
    server.on('connection', (socket: Socket) => this.#admit(socket))
    server.listen({ host, port, ipv6Only: true, exclusive: true })
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw listenError(host, port, cause)
    }
    server.on('error', () => {})
    this.#servers.push(server)
  }

  async stop(): Promise<void> {
    const closed = this.#servers.map(server => new Promise<void>(resolve => server.close(() => resolve())))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }

  get connections(): number {
    return this.#sockets.size
  }

  #admit(socket: Socket): void {
    const source = sourceOf(socket.remoteAddress ?? '')
    const count = this.#from.get(source) ?? 0
    if (this.#sockets.size >= this.#limits.maxConnections || count >= this.#limits.maxConnectionsFrom) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    this.#from.set(source, count + 1)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      const left = (this.#from.get(source) ?? 1) - 1
      if (left === 0) this.#from.delete(source)
      else this.#from.set(source, left)
    })
  }

  #serve(socket: Socket, sites: readonly StunSite[], via: number): void {
    const { remoteAddress, remotePort } = socket
    if (socket.destroyed || remoteAddress == null || remotePort == null) {
      socket.destroy()
      return
    }
    const from = { address: remoteAddress, port: remotePort }
    const frames = new StunFrames()
    // of whole requests only: a byte now and then holds no connection
    const deadline = () => this.#clock.after(this.#limits.idleMs, () => socket.destroy())
    let timer = deadline()
    socket.once('close', () => timer.cancel())
    socket.on('error', () => socket.destroy())
    socket.on('drain', () => socket.resume())
    socket.on('data', bytes => {
      const requests = messages(frames, bytes)
      if (requests == null) {
        socket.destroy()
        return
      }
      for (const request of requests) {
        const reply = this.#ration.respond(request, { from, via, transport: 'stream' }, sites)
        // over a stream nothing is lost, so no answer to one request means none to any other either
        if (reply == null) {
          socket.destroy()
          return
        }
        timer.cancel()
        timer = deadline()
        if (!socket.write(reply.bytes)) socket.pause()
      }
    })
  }
}

/** @throws NatError BAD_KEY */
function tlsServer(tls: StunTls, handshakeTimeout: number): Server {
  try {
    // of a handshake that took too long Node tells, and leaves the connection open
    return createTlsServer({ ...tls, handshakeTimeout }).on('tlsClientError', (_, socket) => socket.destroy())
  } catch (cause) {
    const why = (cause as Error).message
    throw new NatError('BAD_KEY', `the certificate and its key cannot be used (${why}): both must be PEM`, { cause })
  }
}

/** Undefined when it is no STUN. */
function messages(frames: StunFrames, bytes: Uint8Array): Uint8Array[] | undefined {
  try {
    return frames.push(bytes)
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}

function listenError(host: string, port: number, cause: unknown): NatError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    const next = 'stop the program that has it, or choose another port'
    return new NatError('PORT_TAKEN', `TCP port ${port} on ${host} is taken: ${next}`, { cause })
  }
  return new NatError(
    'NO_NETWORK',
    `cannot listen on ${host} port ${port} (${code}): is it an address of this machine?`,
    {
      cause
    }
  )
}
