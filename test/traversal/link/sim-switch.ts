import { NatError } from '../../../src/core/errors.ts'
import { Events } from '../../../src/core/events.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import type { UdpSocket } from '../../../src/core/net.ts'
import type { SimHost } from '../../../src/sim/index.ts'
import type { MoveOptions, Path, SocketId } from '../../../src/socket/path.ts'
import type { Bound } from '../../../src/socket/plane.ts'
import type { SwitchEvents } from '../../../src/socket/switch-events.ts'
import { keyOf } from '../../../src/traversal/paths/known.ts'

/** What of a link's own is not STUN begins so (RFC 9443: QUIC has the second bit set). */
export const DATA = 0x41

/** The packet switch, as far as paths and techniques see it, on sockets of a simulated host. One link. */
export class SimSwitch {
  readonly events = new Events<Pick<SwitchEvents, 'stun'>>()
  readonly #sockets = new Map<SocketId, { port: number; socket: UdpSocket }>()
  readonly #admitted = new Set<string>()
  #host: SimHost
  #nextId = 1
  /** By what the link's packets leave. */
  use: Path | undefined
  /** Of all sockets. */
  sent = 0
  /** Whom something was sent to. */
  readonly hosts = new Set<string>()
  /** So many sockets were opened in all. */
  bound = 0
  maxSockets = 1_024
  /** What is sent there never arrives. */
  loses: (to: Endpoint) => boolean = () => false
  /** Packets that are no STUN, on paths that are the link's. */
  onData: (bytes: Uint8Array, from: Path) => void = () => {}
  /** The rest: of strangers. */
  onOther: (bytes: Uint8Array) => void = () => {}

  constructor(host: SimHost) {
    this.#host = host
  }

  /** Sockets that are open. */
  get open(): number {
    return this.#sockets.size
  }

  async bind(_address: string, port: number): Promise<Bound> {
    if (this.#sockets.size >= this.maxSockets) throw new NatError('LIMIT', 'too many sockets')
    const id = this.#nextId++
    const socket = await this.#openSocket(id, port)
    this.#sockets.set(id, { port: socket.local.port, socket })
    this.bound++
    return { socket: id, port: socket.local.port }
  }

  async unbind(id: SocketId): Promise<void> {
    this.#sockets.get(id)?.socket.close()
    this.#sockets.delete(id)
  }

  send(id: SocketId, to: Endpoint, bytes: Uint8Array): void {
    this.sent++
    this.hosts.add(to.address)
    if (!this.loses(to)) this.#sockets.get(id)?.socket.send({ bytes, to })
  }

  async admit(_flow: number, path: Path): Promise<boolean> {
    this.#admitted.add(keyOf(path))
    return true
  }

  dismiss(_flow: number, path: Path): void {
    this.#admitted.delete(keyOf(path))
  }

  async move(_flow: number, path: Path, _options: MoveOptions): Promise<boolean> {
    this.use = path
    return true
  }

  /** The machine is in another network: its sockets stay, and have another address. */
  async moveTo(host: SimHost): Promise<void> {
    this.#host = host
    for (const [id, { port, socket }] of this.#sockets) {
      socket.close()
      this.#sockets.set(id, { port, socket: await this.#openSocket(id, port) })
    }
  }

  close(): void {
    for (const { socket } of this.#sockets.values()) socket.close()
    this.#sockets.clear()
    this.events.clear()
  }

  async #openSocket(id: SocketId, port: number): Promise<UdpSocket> {
    const socket = await this.#host.udp({ family: 4, ...(port === 0 ? {} : { port }) })
    socket.onPacket((bytes, from) => this.#take(id, bytes, from))
    return socket
  }

  #take(socket: SocketId, bytes: Uint8Array, from: Endpoint): void {
    const path: Path = { kind: 'udp', socket, remote: from }
    // RFC 8489 section 5: the two first bits of STUN are zero
    if (bytes[0]! < 0x40) this.events.emit('stun', { socket, from, bytes })
    else if (bytes[0] !== DATA) this.onOther(bytes)
    else if (this.#admitted.has(keyOf(path))) this.onData(bytes, path)
  }
}
