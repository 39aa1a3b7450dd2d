import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { canonicalIp } from '../../core/ip.ts'
import { HttpGate } from './gate.ts'
import type { HttpLimits } from './limits.ts'
import { Refusal } from './problem.ts'
import { refuse, refuseSocket } from './refuse.ts'
import type { TrustedProxies } from './source.ts'
import { type OnWebSocket, Upgrades, wantsWebSocket } from './upgrades.ts'

export type Routes = (request: IncomingMessage, response: ServerResponse) => void

/** A listening server, and who takes its WebSockets. */
interface Place {
  readonly server: Server
  taker?: OnWebSocket
}

const RETRY_SECONDS = '1'

/** The HTTP servers of a hub, one for each address: bounds come first, and what is within them goes to the routes or becomes a WebSocket. */
export class HttpServers {
  readonly #limits: HttpLimits
  readonly #clock: Clock
  readonly #proxies: TrustedProxies
  readonly #gate: HttpGate
  readonly #upgrades: Upgrades
  readonly #places = new Map<string, Place>()
  /** The connections that carry HTTP, with what gives the place back. */
  readonly #sockets = new Map<Duplex, () => void>()
  /** The answers under way on each connection. */
  readonly #answers = new WeakMap<Duplex, Set<ServerResponse>>()
  readonly #refused = new WeakSet<Duplex>()
  #routes: Routes | undefined

  constructor(limits: HttpLimits, proxies: TrustedProxies, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#proxies = proxies
    this.#gate = new HttpGate(limits, proxies, clock)
    this.#upgrades = new Upgrades(limits, clock)
  }

  get gate(): HttpGate {
    return this.#gate
  }

  /** @returns the port @throws NatError PORT_TAKEN, NO_NETWORK */
  async listen(host: string, port: number): Promise<number> {
    const server = this.#server()
    server.listen({ host, port, ipv6Only: true, exclusive: true })
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw listenError(host, port, cause)
    }
    server.on('error', () => {})
    this.#places.set(keyOf(host), { server })
    return (server.address() as AddressInfo).port
  }

  /** From now on requests go there; until then they are told to come again. */
  serve(routes: Routes): void {
    this.#routes = routes
  }

  /** From now on the WebSockets of that address are theirs. @returns the port, and what takes them back @throws NatError NO_NETWORK */
  take(host: string, taker: OnWebSocket): { port: number; release(): void } {
    const place = this.#places.get(keyOf(host))
    if (place == null) throw new NatError('NO_NETWORK', `no HTTP server listens on ${host}: is it one of the hosts?`)
    place.taker = taker
    const release = () => {
      if (place.taker === taker) delete place.taker
    }
    return { port: (place.server.address() as AddressInfo).port, release }
  }

  /** Ends what carries HTTP; WebSockets are for libp2p to end. */
  async stop(): Promise<void> {
    this.#routes = undefined
    for (const { server } of this.#places.values()) server.close()
    this.#places.clear()
    // requests in hand get their answers, and those are the last
    for (const socket of this.#sockets.keys()) {
      for (const answer of this.#answers.get(socket) ?? []) answer.shouldKeepAlive = false
    }
    const timer = this.#clock.after(this.#limits.stopMs, () => {
      for (const socket of this.#sockets.keys()) socket.destroy()
    })
    await Promise.all([...this.#sockets.keys()].map(socket => new Promise(resolve => socket.once('close', resolve))))
    timer.cancel()
  }

  #server(): Server {
    const { headersMs, requestMs, checkMs, keepAliveMs, stallMs, headerBytes, requestsPerConnection } = this.#limits
    const server = createServer({
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: checkMs,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: headerBytes,
      // the gate has an answer of its own
      requireHostHeader: false,
      shouldUpgradeCallback: wantsWebSocket
    })
    server.timeout = stallMs
    server.maxRequestsPerSocket = requestsPerConnection
    // Node answers these itself, each with a bare 503, for as long as they come: the last answer has said that the connection ends
    server.on('dropRequest', (_, socket) => this.#enough(socket))
    server.on('connection', socket => this.#enter(socket))
    server.on('request', (request, response) => this.#answer(request, response))
    // RFC 9110 section 10.1.1: who asks first need not send what is refused
    server.on('checkContinue', (request, response) => this.#answer(request, response, () => response.writeContinue()))
    server.on('checkExpectation', (request, response) => this.#refuse(request, response, new Refusal(417)))
    server.on('connect', (_, socket) => this.#upgrades.refuse(socket, new Refusal(501, { detail: 'this is no proxy' })))
    server.on('upgrade', (request, socket, head) => this.#upgrade(server, request, socket, head))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#unreadable(error, socket))
    return server
  }

  #enter(socket: Socket): void {
    const leave = this.#gate.enter(socket)
    if (leave == null) {
      socket.destroy()
      return
    }
    this.#sockets.set(socket, leave)
    socket.once('close', () => this.#leave(socket))
  }

  #answer(request: IncomingMessage, response: ServerResponse, before = () => {}): void {
    const { socket } = request
    const answers = this.#answers.get(socket) ?? new Set()
    this.#answers.set(socket, answers.add(response))
    response.once('close', () => answers.delete(response))
    const refusal = this.#gate.refusal(request)
    if (refusal != null) {
      this.#refuse(request, response, refusal)
      return
    }
    if (this.#routes == null) {
      const headers = { 'retry-after': RETRY_SECONDS }
      this.#refuse(request, response, new Refusal(503, { detail: 'the hub starts or stops', headers }))
      return
    }
    before()
    this.#routes(request, response)
  }

  #refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
    refuse(request, response, refusal, this.#limits.lingerMs, this.#clock)
  }

  #upgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.#gate.refusal(request)
    if (refusal != null) {
      this.#upgrades.refuse(socket, refusal)
      return
    }
    const place = [...this.#places.values()].find(each => each.server === server)
    const accepted = this.#upgrades.accept(request, socket, head, this.#proxies.clientOf(request), place?.taker)
    // libp2p counts its connections
    if (accepted) this.#leave(socket)
  }

  #leave(socket: Duplex): void {
    this.#sockets.get(socket)?.()
    this.#sockets.delete(socket)
  }

  /** The connection ends behind the last answer that it gets. */
  #enough(socket: Duplex): void {
    if (this.#refused.has(socket)) return
    this.#refused.add(socket)
    const end = () => socket.end(() => socket.destroy())
    const last = [...(this.#answers.get(socket) ?? [])].at(-1)
    if (last == null) end()
    else last.once('close', end)
  }

  /** Node could not read a request, or waited too long for it. */
  #unreadable({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
    if (this.#refused.has(socket)) return
    this.#refused.add(socket)
    const answers = [...(this.#answers.get(socket) ?? [])]
    const last = answers.at(-1)
    if (!socket.writable || code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    // what was asked before gets its answer, and nothing goes in front of it
    if (last != null && (answers.length > 1 || last.req.complete)) {
      last.once('close', () => socket.end(() => socket.destroy()))
      return
    }
    if (last?.headersSent === true) {
      socket.destroy()
      return
    }
    refuseSocket(
      socket,
      UNREADABLE[code]?.() ?? new Refusal(400, { detail: 'this is no HTTP request' }),
      this.#limits.lingerMs,
      this.#clock
    )
  }
}

const UNREADABLE: Readonly<Record<string, () => Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: () => new Refusal(408, { detail: 'the request took too long' }),
  HPE_HEADER_OVERFLOW: () => new Refusal(431, { detail: 'the header fields are too long' }),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: () => new Refusal(413, { detail: 'the chunk extensions are too long' })
}

function keyOf(host: string): string {
  return canonicalIp(host) ?? host
}

function listenError(host: string, port: number, cause: unknown): NatError {
  const { code } = cause as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE': {
      const next = 'stop the program that has it, or choose another with --http-port'
      return new NatError('PORT_TAKEN', `TCP port ${port} on ${host} is taken: ${next}`, { cause })
    }
    case 'EACCES':
      return new NatError('NO_NETWORK', `not allowed to listen on ${host} port ${port}: choose one from 1024 on`, {
        cause
      })
    default:
      return new NatError(
        'NO_NETWORK',
        `cannot listen on ${host} port ${port} (${code}): is it an address of this machine?`,
        { cause }
      )
  }
}
