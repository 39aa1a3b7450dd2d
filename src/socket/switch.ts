import type { Worker } from 'node:worker_threads'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { Endpoint } from '../core/machine.ts'
import { systemAddress, systemEndpoint, systemPath } from './address.ts'
import { Calls } from './calls.ts'
import { type Heard, hear } from './mailbox.ts'
import type { MoveOptions, Path, SocketId } from './path.ts'
import type {
  Bound,
  FlowInfo,
  PlaneCall,
  PlaneEvent,
  PlaneKind,
  PlaneReply,
  PlaneRequest,
  PlaneStats,
  PlaneValue
} from './plane.ts'
import type { SwitchEvents } from './switch-events.ts'
import { type PlaneThread, startThread } from './thread.ts'
import type { WakeFd } from './wake-fd.ts'

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
  readonly #calls: Calls
  readonly #wakeFd: WakeFd | undefined
  readonly #heard: Heard
  readonly #pipes = new Set<number>()
  #nextPipe = 1
  #closed: Promise<void> | undefined

  private constructor({ kind, worker, wakeFd, heard, fallbackReason }: PlaneThread) {
    this.kind = kind
    this.fallbackReason = fallbackReason
    this.#worker = worker
    this.#calls = new Calls(worker)
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
   * @throws NatError LIMIT, BAD_ADDRESS, LINK_CLOSED when the path is a pipe that is closed
   */
  async dial(path: Path, punch = false): Promise<FlowInfo> {
    return (await this.#call({ op: 'dial', path: systemPath(path), punch })) as FlowInfo
  }

  /**
   * Opens a flow for a connection that comes in by a pipe, with the engine's server on that loopback port behind it. It is in use until
   * it is released; `accept`, when the engine has the connection, is a second use.
   *
   * @throws NatError LIMIT, LINK_CLOSED when the pipe is closed
   */
  async serve(pipe: number, enginePort: number): Promise<FlowInfo> {
    return (await this.#call({ op: 'serve', pipe, enginePort })) as FlowInfo
  }

  /**
   * Tells whose connection the engine's server has on that loopback port; undefined when the flow is gone. The flow is in
   * use until it is released.
   */
  async accept(loopbackPort: number): Promise<FlowInfo | undefined> {
    return ((await this.#call({ op: 'accept', loopbackPort })) as FlowInfo | null) ?? undefined
  }

  /**
   * Takes back one `dial`, `serve` or `accept`: the last of them frees the flow. With `now`, nothing that the engine still sends
   * leaves; else its last words get out.
   */
  async release(flow: number, now = false): Promise<void> {
    await this.#call({ op: 'release', flow, now })
  }

  /**
   * From now on packets that come by that path are the flow's, too.
   *
   * @param validated whoever is there has answered for it. Of others there are a few at an address, and they keep nobody out that is
   * @returns false when the path or the flow is gone, the pipe is another flow's, or there are too many
   * @throws NatError BAD_ADDRESS
   */
  async admit(flow: number, path: Path, validated = true): Promise<boolean> {
    return (await this.#call({ op: 'admit', flow, path: systemPath(path), validated })) as boolean
  }

  /** Packets that come by that path are no longer the flow's. @throws NatError BAD_ADDRESS */
  dismiss(flow: number, path: Path): void {
    if (this.#closed == null) this.#post({ op: 'dismiss', flow, path: systemPath(path) })
  }

  /**
   * Changes the path under a flow; the engine does not notice. Packets that come by the old path are still the flow's, until that is
   * dismissed.
   *
   * @returns false, with nothing changed, where `admit` would say so of the new path
   * @throws NatError BAD_ADDRESS
   */
  async move(flow: number, path: Path, { also, holdMs = 0 }: MoveOptions = {}): Promise<boolean> {
    const second = also == null ? {} : { also: systemPath(also) }
    return (await this.#call({ op: 'move', flow, path: systemPath(path), ...second, holdMs })) as boolean
  }

  /** Whether `traffic` is told of the flow, at most twice a second. */
  watch(flow: number, on: boolean): void {
    if (this.#closed == null) this.#post({ op: 'watch', flow, on })
  }

  async stats(): Promise<PlaneStats> {
    return (await this.#call({ op: 'stats' })) as PlaneStats
  }

  /** Sends one datagram from a public socket. What cannot be sent is lost. @throws NatError BAD_ADDRESS */
  send(socket: SocketId, to: Endpoint, bytes: Uint8Array): void {
    if (this.#closed == null) this.#post({ op: 'send', socket, to: systemEndpoint(to), bytes })
  }

  /** The number of a new pipe: a stream that the caller writes what `pipe` tells to, and reads for `fromPipe`. */
  newPipe(): number {
    const pipe = this.#nextPipe++
    if (this.#closed == null) {
      this.#pipes.add(pipe)
      this.#post({ op: 'open-pipe', pipe })
    }
    return pipe
  }

  /** Hands over the next bytes of a pipe's stream, wherever they are cut. They are copied. */
  fromPipe(pipe: number, bytes: Uint8Array): void {
    if (bytes.length === 0 || !this.#pipes.has(pipe)) return
    // the buffer that the bytes are a view of may be large, and would be cloned as a whole
    const copy = new Uint8Array(bytes)
    this.#post({ op: 'pipe', pipe, bytes: copy }, [copy.buffer])
  }

  /** The stream is gone: flows no longer send by it. Flows of links stay, and wait for another path. */
  closePipe(pipe: number): void {
    if (this.#pipes.delete(pipe)) this.#post({ op: 'close-pipe', pipe })
  }

  /** Closes every socket and ends the thread. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    this.#pipes.clear()
    return this.#closed
  }

  async #close(): Promise<void> {
    const exited = new Promise<void>(resolve => this.#worker.once('exit', () => resolve()))
    this.#post({ op: 'stop', id: this.#calls.nextId() })
    const timer = setTimeout(() => void this.#worker.terminate(), 2_000)
    await exited
    clearTimeout(timer)
  }

  #call(call: PlaneCall): Promise<PlaneValue> {
    if (this.#closed != null) return Promise.reject(new NatError('LINK_CLOSED', 'the packet switch is closed'))
    const id = this.#calls.nextId()
    const answer = this.#calls.wait(id)
    this.#post({ ...call, id })
    return answer
  }

  #post(request: PlaneRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer)
    this.#wakeFd?.wake()
  }

  #onMessage(message: PlaneReply | PlaneEvent): void {
    if ('id' in message) {
      this.#calls.answer(message)
      return
    }
    hear(this.#heard, message)
    switch (message.event) {
      case 'inbound':
        this.events.emit('inbound', message.info)
        return
      case 'pipe-broken':
        this.#pipes.delete(message.pipe)
        this.events.emit('pipe-broken', message)
        return
      case 'gone':
      case 'handshakes':
      case 'pipe':
      case 'pipe-stun':
      case 'stun':
      case 'traffic':
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
    this.#pipes.clear()
    this.#wakeFd?.close()
    this.#calls.fail(error)
  }
}
