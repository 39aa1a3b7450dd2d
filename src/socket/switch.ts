import { closeSync, writeSync } from 'node:fs'
import { isIP } from 'node:net'
import { Worker } from 'node:worker_threads'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { Endpoint } from '../core/machine.ts'
import { loadKoffi } from './koffi.ts'
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

/** What a switch tells by itself. */
export type SwitchEvents = {
  /** The engine's server is about to see a connection from this loopback port. */
  inbound: FlowInfo
  /** A flow ended: it was released, never proved itself, or was silent. */
  gone: { flow: number; loopbackPort: number }
  /** A STUN message came in by a public socket. */
  stun: { socket: SocketId; from: Endpoint; bytes: Uint8Array }
  /** A flow whose path is a pipe has a datagram to carry. */
  pipe: { pipe: number; bytes: Uint8Array }
}

/** The extension of our own sources: `.ts` in a checkout, `.js` when built. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const START_TIMEOUT_MS = 10_000
const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)

/** Which data plane this machine can run, and why not the fast one. */
export function planeOf(): { kind: PlaneKind; reason?: string } {
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    return {
      kind: 'portable',
      reason: `the FFI data plane is for Linux on x64 and arm64, this is ${process.platform}-${process.arch}`
    }
  }
  const loaded = loadKoffi()
  return 'reason' in loaded ? { kind: 'portable', reason: loaded.reason } : { kind: 'ffi' }
}

/**
 * The packet switch as the main thread sees it: public UDP sockets that carry everything, and one loopback port per remote
 * peer for the QUIC engine. The packets themselves move in a worker thread.
 */
export class PacketSwitch {
  readonly kind: PlaneKind
  readonly events = new Events<SwitchEvents>()
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<Bound | FlowInfo | PlaneStats | null>>()
  readonly #wakeOnExit = () => this.#wake()
  #wakeFd: number | null = null
  #nextId = 1
  #closed: Promise<void> | undefined

  private constructor(kind: PlaneKind, worker: Worker) {
    this.kind = kind
    this.#worker = worker
    worker.on('message', (message: PlaneReply | PlaneEvent) => this.#onMessage(message))
    worker.once('exit', () => this.#onExit())
    worker.on('error', cause =>
      this.#onExit(new NatError('LINK_CLOSED', `the packet switch died: ${cause}`, { cause }))
    )
    process.once('exit', this.#wakeOnExit)
  }

  /**
   * Starts a switch.
   *
   * @param kind the data plane; default: the fast one where its thread comes up, else the portable one
   */
  static async open(kind?: PlaneKind): Promise<PacketSwitch> {
    const wanted = kind ?? planeOf().kind
    try {
      return await PacketSwitch.#start(wanted)
    } catch (error) {
      if (kind != null || wanted === 'portable') throw error
      return await PacketSwitch.#start('portable')
    }
  }

  static async #start(kind: PlaneKind): Promise<PacketSwitch> {
    const worker = new Worker(new URL(`./${kind}/worker${EXTENSION}`, import.meta.url), { execArgv: [] })
    const { promise, resolve, reject } = Promise.withResolvers<number | null>()
    const timer = setTimeout(() => reject(new Error('its thread did not answer')), START_TIMEOUT_MS)
    worker.once('message', (message: PlaneEvent) => resolve(message.event === 'ready' ? message.wakeFd : null))
    worker.once('error', reject)
    try {
      const wakeFd = await promise
      worker.off('error', reject)
      const packetSwitch = new PacketSwitch(kind, worker)
      packetSwitch.#wakeFd = wakeFd
      // what keeps a program alive is its listeners and connections, not the thread underneath
      worker.unref()
      return packetSwitch
    } catch (cause) {
      void worker.terminate()
      throw new NatError('NO_NETWORK', `the ${kind} data plane does not start: ${(cause as Error).message}`, { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  /** Opens a public socket. @throws NatError PORT_TAKEN, NO_NETWORK, BAD_ADDRESS */
  async bind(address: string, port: number): Promise<Bound> {
    checkAddress(address)
    return (await this.#call({ op: 'bind', address, port })) as Bound
  }

  async unbind(socket: SocketId): Promise<void> {
    await this.#call({ op: 'unbind', socket })
  }

  /** Sends inbound connections of this socket to the engine's server on that loopback port; null: to nobody. */
  async listen(socket: SocketId, enginePort: number | null): Promise<void> {
    await this.#call({ op: 'listen', socket, enginePort })
  }

  /**
   * Gives the loopback port by which the engine's client reaches the other end of the path.
   *
   * @param punch repeat the first flight until something comes back
   * @throws NatError LIMIT, BAD_ADDRESS
   */
  async dial(path: Path, punch = false): Promise<FlowInfo> {
    if (path.kind === 'udp') checkAddress(path.remote.address)
    return (await this.#call({ op: 'dial', path, punch })) as FlowInfo
  }

  /** The engine is done with the flow. With `now`, nothing that it still sends leaves; else its last words get out. */
  async release(flow: number, now = false): Promise<void> {
    await this.#call({ op: 'release', flow, now })
  }

  /** Changes the path under a flow; the engine does not notice. */
  async move(flow: number, path: Path): Promise<void> {
    if (path.kind === 'udp') checkAddress(path.remote.address)
    await this.#call({ op: 'move', flow, path })
  }

  /** The flow behind a loopback port. */
  async find(loopbackPort: number): Promise<FlowInfo | undefined> {
    return ((await this.#call({ op: 'find', loopbackPort })) as FlowInfo | null) ?? undefined
  }

  async stats(): Promise<PlaneStats> {
    return (await this.#call({ op: 'stats' })) as PlaneStats
  }

  /** Sends one datagram from a public socket. What cannot be sent is lost. */
  send(socket: SocketId, to: Endpoint, bytes: Uint8Array): void {
    if (this.#closed == null && isIP(to.address) !== 0) this.#post({ op: 'send', socket, to, bytes })
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
    this.#wake()
  }

  /** The FFI plane's thread sleeps in the kernel: it sees a message when its eventfd counts up. */
  #wake(): void {
    if (this.#wakeFd != null) writeSync(this.#wakeFd, ONE)
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
      case 'gone':
      case 'stun':
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
    process.off('exit', this.#wakeOnExit)
    const fd = this.#wakeFd
    this.#wakeFd = null
    if (fd != null) closeSync(fd)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

function checkAddress(address: string): void {
  if (isIP(address) === 0) throw new NatError('BAD_ADDRESS', `${address} is not an IPv4 or IPv6 address`)
}
