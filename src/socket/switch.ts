import type { Worker } from 'node:worker_threads'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { Endpoint } from '../core/machine.ts'
import { systemAddress, systemEndpoint } from './address.ts'
import { type Heard, hear } from './mailbox.ts'
import type { Path, SocketId } from './path.ts'
import type {
  Bound,
  FlowInfo,
  PlaneCall,
  PlaneEvent,
  PlaneKind,
  PlaneReply,
  PlaneRequest,
  PlaneStats
} from './plane.ts'
import { type PlaneThread, startThread } from './thread.ts'
import type { WakeFd } from './wake-fd.ts'

/** What a switch tells by itself. */
export type SwitchEvents = {
  /** The engine's server is about to see a connection from this loopback port. */
  inbound: FlowInfo
  /** A flow ended: it was released, never proved itself, or was silent. */
  gone: { flow: number; loopbackPort: number }
  /** A STUN message came in by a public socket. */
  stun: { socket: SocketId; from: Endpoint; bytes: Uint8Array }
  /** About so many handshakes of the engine's servers are under way; told when it changes much. */
  handshakes: { count: number }
  /** A flow whose path is a pipe has a datagram to carry. */
  pipe: { pipe: number; bytes: Uint8Array }
}

/**
 * The packet switch as the main thread sees it: public UDP sockets that carry everything, and one loopback port per remote
 * peer for the QUIC engine. The packets themselves move in a worker thread.
 */
export class PacketSwitch {
  readonly kind: PlaneKind
  /** Why it is not the fast data plane; undefined when it is, or when the caller chose. */
  readonly fallbackReason: string | undefined
  readonly events = new Events<SwitchEvents>()
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<Bound | FlowInfo | PlaneStats | null>>()
  readonly #wakeFd: WakeFd | undefined
  readonly #heard: Heard
  #nextId = 1
  #closed: Promise<void> | undefined

  private constructor({ kind, worker, wakeFd, heard, fallbackReason }: PlaneThread) {
    this.kind = kind
    this.fallbackReason = fallbackReason
    this.#worker = worker
    this.#wakeFd = wakeFd
    this.#heard = heard
    worker.on('message', (message: PlaneReply | PlaneEvent) => this.#onMessage(message))
    worker.once('exit', () => this.#onExit())
    worker.on('error', cause =>
      this.#onExit(new NatError('LINK_CLOSED', `the packet switch died: ${cause}`, { cause }))
    )
    // what keeps a program alive is its listeners and connections, not the thread underneath
    worker.unref()
  }

  /**
   * Starts a switch.
   *
   * @param kind the data plane; default: the fast one where it passes its self-test, else the portable one
   * @throws NatError NO_NETWORK
   */
  static async open(kind?: PlaneKind): Promise<PacketSwitch> {
    return new PacketSwitch(await startThread(kind))
  }

  /** Opens a public socket. @throws NatError PORT_TAKEN, NO_NETWORK, BAD_ADDRESS, LIMIT */
  async bind(address: string, port: number): Promise<Bound> {
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new NatError('BAD_ADDRESS', `${address} port ${port}: a port is between 1 and 65535, or 0 for any`)
    }
    return (await this.#call({ op: 'bind', address: systemAddress(address), port })) as Bound
  }

  async unbind(socket: SocketId): Promise<void> {
    await this.#call({ op: 'unbind', socket })
  }

  /** Sends inbound connections of this socket to the engine's server on that loopback port; null: to nobody. */
  async listen(socket: SocketId, enginePort: number | null): Promise<void> {
    await this.#call({ op: 'listen', socket, enginePort })
  }

  /**
   * Gives the loopback port by which the engine's client reaches the other end of the path. It is kept until it is released.
   *
   * @param punch repeat the first flight until something comes back
   * @throws NatError LIMIT, BAD_ADDRESS
   */
  async dial(path: Path, punch = false): Promise<FlowInfo> {
    return (await this.#call({ op: 'dial', path: systemPath(path), punch })) as FlowInfo
  }

  /**
   * Tells whose connection the engine's server has on that loopback port; undefined when the flow is gone. The flow is in
   * use until it is released.
   */
  async accept(loopbackPort: number): Promise<FlowInfo | undefined> {
    return ((await this.#call({ op: 'accept', loopbackPort })) as FlowInfo | null) ?? undefined
  }

  /**
   * Takes back one `dial` or `accept`: the last of them frees the flow. With `now`, nothing that the engine still sends
   * leaves; else its last words get out.
   */
  async release(flow: number, now = false): Promise<void> {
    await this.#call({ op: 'release', flow, now })
  }

  /** Changes the path under a flow; the engine does not notice. @throws NatError BAD_ADDRESS */
  async move(flow: number, path: Path): Promise<void> {
    await this.#call({ op: 'move', flow, path: systemPath(path) })
  }

  async stats(): Promise<PlaneStats> {
    return (await this.#call({ op: 'stats' })) as PlaneStats
  }

  /** Sends one datagram from a public socket. What cannot be sent is lost. @throws NatError BAD_ADDRESS */
  send(socket: SocketId, to: Endpoint, bytes: Uint8Array): void {
    if (this.#closed == null) this.#post({ op: 'send', socket, to: systemEndpoint(to), bytes })
  }

  /** Hands over a datagram that a pipe carried to us. */
  fromPipe(pipe: number, bytes: Uint8Array): void {
    if (this.#closed == null) this.#post({ op: 'pipe', pipe, bytes })
  }

  /** Closes every socket and ends the thread. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const exited = new Promise<void>(resolve => this.#worker.once('exit', () => resolve()))
    this.#post({ op: 'stop', id: this.#nextId++ })
    const timer = setTimeout(() => void this.#worker.terminate(), 2_000)
    await exited
    clearTimeout(timer)
  }

  #call(call: PlaneCall): Promise<Bound | FlowInfo | PlaneStats | null> {
    if (this.#closed != null) return Promise.reject(new NatError('LINK_CLOSED', 'the packet switch is closed'))
    const id = this.#nextId++
    const waiting = Promise.withResolvers<Bound | FlowInfo | PlaneStats | null>()
    if (this.#waiting.size === 0) this.#worker.ref()
    this.#waiting.set(id, waiting)
    this.#post({ ...call, id })
    return waiting.promise
  }

  #post(request: PlaneRequest): void {
    this.#worker.postMessage(request)
    this.#wakeFd?.wake()
  }

  #onMessage(message: PlaneReply | PlaneEvent): void {
    if ('id' in message) {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (this.#waiting.size === 0) this.#worker.unref()
      if ('error' in message) waiting?.reject(new NatError(message.error.code, message.error.message))
      else waiting?.resolve(message.value)
      return
    }
    switch (message.event) {
      case 'inbound':
        this.events.emit('inbound', message.info)
        return
      case 'stun':
        hear(this.#heard)
        this.events.emit('stun', message)
        return
      case 'gone':
      case 'handshakes':
      case 'pipe':
        this.events.emit(message.event, message as never)
        return
      case 'ready':
        return
      default:
        message satisfies never
    }
  }

  #onExit(error = new NatError('LINK_CLOSED', 'the packet switch is closed')): void {
    this.#closed ??= Promise.resolve()
    this.#wakeFd?.close()
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

function systemPath(path: Path): Path {
  return path.kind === 'udp' ? { ...path, remote: systemEndpoint(path.remote) } : path
}
