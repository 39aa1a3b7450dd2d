import type { Clock } from '../../core/clock.ts'
import { scoped } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import { canonicalIp } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { TcpConnection, TcpOptions } from '../../core/net.ts'
import type { Random } from '../../core/random.ts'
import { DEFAULT_TTL, NOTHING, type Packet } from '../packet.ts'
import { EPHEMERAL_PORTS } from '../udp.ts'
import { SimTcpConnection } from './connection.ts'
import { type FlowEvents, type Segment, type TcpFailure, TcpFlow } from './flow.ts'

/** Of one machine, so that a flood of SYNs ends somewhere. */
const MAX_CONNECTIONS = 16_384

export interface TcpWay {
  send(packet: Packet, bound: string | undefined): void
  /** The own address that packets to this one leave from; none when there is no way. */
  sourceTowards(address: string): string | undefined
}

export interface TcpListener {
  readonly port: number
  /** Takes no more connections; those that are there live on. */
  close(): void
}

type Ends = Pick<FlowEvents, 'onOpen' | 'onFailure'>

/** The TCP connections and listeners of one machine. */
export class TcpPorts {
  readonly #clock: Clock
  readonly #random: Random
  readonly #way: TcpWay
  readonly #flows = new Map<string, TcpFlow>()
  readonly #listeners = new Map<number, (connection: TcpConnection) => void>()

  constructor(clock: Clock, random: Random, way: TcpWay) {
    this.#clock = clock
    this.#random = random
    this.#way = way
  }

  /** @throws NatError PORT_TAKEN */
  listen(port: number, onConnection: (connection: TcpConnection) => void): TcpListener {
    if (this.#listeners.has(port)) throw new NatError('PORT_TAKEN', `TCP port ${port} is taken`)
    this.#listeners.set(port, onConnection)
    return {
      port,
      close: () => {
        if (this.#listeners.get(port) === onConnection) this.#listeners.delete(port)
      }
    }
  }

  /** @throws NatError NO_NETWORK; the signal's reason */
  async connect(to: Endpoint, { localPort, signal }: TcpOptions): Promise<TcpConnection> {
    signal.throwIfAborted()
    const address = canonicalIp(to.address)
    const source = address === undefined ? undefined : this.#way.sourceTowards(address)
    if (address === undefined || source === undefined) throw this.#unreached(to, 'no way there')
    const remote = { address, port: to.port }
    const local = { address: source, port: localPort ?? this.#freePort(source, remote) }
    if (this.#flows.has(keyOf(local, remote))) throw this.#unreached(to, `port ${local.port} is in use towards it`)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onFailure = (failure: TcpFailure) => reject(this.#unreached(to, failure))
    const { flow, connection } = this.#add(local, remote, 'client', { onOpen: resolve, onFailure })
    try {
      await scoped(signal, aborted => {
        aborted.addEventListener('abort', () => reject(signal.reason), { once: true })
        flow.connect()
        return promise
      })
    } catch (error) {
      flow.abandon()
      throw error
    }
    return connection
  }

  /** @returns whether there was a connection or a listener for it; who knocks at no door is told so */
  receive({ source, destination, payload, tcp, segment }: Packet): boolean {
    if (!tcp || !segment) return false
    const arrived: Segment = { flags: tcp, payload, ...segment }
    const flow = this.#flows.get(keyOf(destination, source))
    if (flow) {
      flow.receive(arrived)
      return true
    }
    const listener = tcp.syn && !tcp.ack ? this.#listeners.get(destination.port) : undefined
    if (listener && this.#flows.size < MAX_CONNECTIONS) {
      const onOpen = () => listener(accepted.connection)
      const accepted = this.#add(destination, source, 'server', { onOpen, onFailure: () => {} })
      accepted.flow.receive(arrived)
      return true
    }
    if (!tcp.rst) this.#refuse(destination, source, arrived)
    return false
  }

  close(): void {
    this.#listeners.clear()
    for (const flow of [...this.#flows.values()]) flow.abandon()
  }

  #add(local: Endpoint, remote: Endpoint, role: 'client' | 'server', ends: Ends) {
    const key = keyOf(local, remote)
    const flow = new TcpFlow(
      this.#clock,
      {
        send: segment => this.#send(local, remote, segment),
        onData: bytes => connection.take(bytes),
        onEnd: () => connection.ended(),
        onGone: () => {
          connection.ended()
          this.#flows.delete(key)
        },
        ...ends
      },
      role
    )
    const connection = new SimTcpConnection(local, remote, flow)
    this.#flows.set(key, flow)
    return { flow, connection }
  }

  #send(source: Endpoint, destination: Endpoint, { flags, seq, ack, payload }: Segment): void {
    const segment = { seq, ack }
    this.#way.send(
      { protocol: 'tcp', source, destination, ttl: DEFAULT_TTL, tcp: flags, segment, payload },
      source.address
    )
  }

  /** RFC 9293 section 3.10.7.1. */
  #refuse(local: Endpoint, remote: Endpoint, { flags, seq, ack, payload }: Segment): void {
    const length = payload.length + (flags.syn ? 1 : 0) + (flags.fin ? 1 : 0)
    const reset = { syn: false, fin: false, rst: true, ack: true }
    this.#send(local, remote, { flags: reset, seq: flags.ack ? ack : 0, ack: seq + length, payload: NOTHING })
  }

  #freePort(source: string, remote: Endpoint): number {
    for (;;) {
      const port = this.#random.int(EPHEMERAL_PORTS.first, EPHEMERAL_PORTS.last)
      if (!this.#flows.has(keyOf({ address: source, port }, remote)) && !this.#listeners.has(port)) return port
    }
  }

  #unreached({ address, port }: Endpoint, why: string): NatError {
    return new NatError('NO_NETWORK', `no TCP connection to ${address} port ${port}: ${why}`)
  }
}

function keyOf(local: Endpoint, remote: Endpoint): string {
  return `${local.address} ${local.port} ${remote.address} ${remote.port}`
}
