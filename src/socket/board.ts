import { NatError } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import { isStun } from './demux.ts'
import { type Flow, type FlowLimits, FlowTable, type RemoteKey } from './flows.ts'
import type { Path, Role, SocketId } from './path.ts'
import type { Bound, FlowInfo, PlaneEvent, PlaneReply, PlaneRequest, PlaneStats } from './plane.ts'

/**
 * The sockets of one kind of data plane. Callbacks instead of promises: the FFI plane's thread sleeps in the kernel and
 * never runs a promise job.
 */
export interface Backend<Public, Loop> {
  bind(address: string, port: number, done: (result: { socket: Public; port: number } | NatError) => void): void
  /** The bound socket is filed under this number. */
  opened(socket: Public, id: SocketId): void
  unbind(socket: Public): void
  keyOf(remote: Endpoint): RemoteKey
  /** Opens a loopback socket; aimed at the engine's server when a port is given, else at whoever of the engine sends first. */
  openLoop(enginePort: number | undefined, remote: Endpoint | undefined): Loop
  /** The loopback socket belongs to this flow. */
  assigned(loop: Loop, flow: Flow<Loop>): void
  /** Tells the loopback port as soon as it is known. */
  whenOpen(loop: Loop, done: (loopbackPort: number) => void): void
  /** Called after the path of the loop's flow has changed. */
  aim(loop: Loop, remote: Endpoint | undefined): void
  closeLoop(loop: Loop): void
  send(socket: Public, to: Endpoint, bytes: Uint8Array): void
  /** Hands a datagram to the engine. */
  deliver(loop: Loop, bytes: Uint8Array): void
}

interface OpenSocket<Public> {
  readonly socket: Public
  enginePort: number | null
}

interface Repeat {
  readonly datagrams: Uint8Array[]
  /** When the first of them left. */
  startMs: number
  sent: number
}

/**
 * When to repeat the first flight of a punching dial, milliseconds after it. Five, so that an address which somebody only
 * claims to be behind gets a handful of packets with the engine's own retransmissions, and no more.
 */
const REPEAT_AFTER_MS = [20, 50, 100, 200, 400]
/** The client's first flight is one or two datagrams (a large ClientHello). */
const MAX_REPEATED = 3
const MAX_PUBLIC_SOCKETS = 64
const SWEEP_EVERY_MS = 500

/** The part of the packet switch that both data planes share: who gets what, and everything that is not the hot path. */
export class Board<Public, Loop> {
  readonly flows: FlowTable<Loop>
  readonly #backend: Backend<Public, Loop>
  readonly #post: (message: PlaneEvent | PlaneReply) => void
  readonly #now: () => number
  readonly #sockets = new Map<SocketId, OpenSocket<Public>>()
  readonly #pipes = new Map<number, Flow<Loop>>()
  readonly #ports = new Map<number, Flow<Loop>>()
  readonly #portOf = new Map<number, number>()
  readonly #repeats = new Map<number, Repeat>()
  #nextSocket = 1
  #nextSweepMs = 0
  readonly counts = {
    droppedUnknown: 0,
    droppedNoListener: 0,
    droppedTableFull: 0,
    droppedEarly: 0,
    droppedSend: 0,
    stun: 0
  }

  constructor(
    backend: Backend<Public, Loop>,
    post: (message: PlaneEvent | PlaneReply) => void,
    now: () => number,
    limits?: FlowLimits
  ) {
    this.#backend = backend
    this.#post = post
    this.#now = now
    this.flows = new FlowTable(limits)
  }

  handle(request: PlaneRequest): void {
    switch (request.op) {
      case 'send': {
        const socket = this.#sockets.get(request.socket)
        if (socket != null) this.#backend.send(socket.socket, request.to, request.bytes)
        return
      }
      case 'pipe': {
        const flow = this.#pipes.get(request.pipe)
        if (flow == null) {
          this.counts.droppedUnknown++
          return
        }
        this.flows.received(flow, this.#now())
        this.#backend.deliver(flow.handle, request.bytes)
        return
      }
      default:
        this.#answer(request)
    }
  }

  /** Finds who gets a packet from the network; makes an inbound flow when it opens a connection. Counts what nobody gets. */
  route(id: SocketId, key: RemoteKey, bytes: Uint8Array, remote: () => Endpoint): readonly Flow<Loop>[] {
    if (bytes[0]! < 0x40 && isStun(bytes)) {
      this.counts.stun++
      this.#post({ event: 'stun', socket: id, from: remote(), bytes: bytes.slice() })
      return NOBODY
    }
    const enginePort = this.#sockets.get(id)?.enginePort ?? null
    const route = this.flows.route(id, key, bytes, enginePort != null)
    if ('to' in route) return route.also == null ? [route.to] : [route.to, route.also]
    if ('open' in route) {
      const endpoint = remote()
      const flow = this.#open('server', { kind: 'udp', socket: id, remote: endpoint }, enginePort ?? undefined)
      if (flow != null) {
        this.#whenOpen(flow, info => this.#post({ event: 'inbound', info }))
        return [flow]
      }
      return NOBODY
    }
    if (route.drop === 'no-listener') this.counts.droppedNoListener++
    else this.counts.droppedUnknown++
    return NOBODY
  }

  /** To be called for what the engine sends: notes ids, and keeps the first flight of a punching dial. */
  sent(flow: Flow<Loop>, bytes: Uint8Array): void {
    const nowMs = this.#now()
    this.flows.sent(flow, bytes, nowMs)
    const repeat = this.#repeats.get(flow.id)
    if (repeat != null && repeat.sent === 0 && repeat.datagrams.length < MAX_REPEATED) {
      if (repeat.datagrams.length === 0) repeat.startMs = nowMs
      repeat.datagrams.push(bytes.slice())
    }
  }

  received(flow: Flow<Loop>): void {
    this.flows.received(flow, this.#now())
    if (this.#repeats.size > 0) this.#repeats.delete(flow.id)
  }

  /** Carries a datagram of a flow whose path is a pipe. */
  toPipe(pipe: number, bytes: Uint8Array): void {
    this.#post({ event: 'pipe', pipe, bytes: bytes.slice() })
  }

  /** Does what is due: repeats first flights, frees flows whose time is over. @returns when to call again */
  tick(): number {
    const nowMs = this.#now()
    if (nowMs >= this.#nextSweepMs) {
      this.#nextSweepMs = nowMs + SWEEP_EVERY_MS
      for (const flow of [...this.flows.expired(nowMs)]) this.#close(flow)
    }
    let wakeMs = this.#nextSweepMs
    for (const [id, repeat] of this.#repeats) {
      if (repeat.datagrams.length === 0) {
        wakeMs = Math.min(wakeMs, nowMs + REPEAT_AFTER_MS[0]!)
        continue
      }
      const flow = this.flows.get(id)
      const dueMs = repeat.startMs + (REPEAT_AFTER_MS[repeat.sent] ?? Number.POSITIVE_INFINITY)
      if (flow?.path.kind !== 'udp' || dueMs === Number.POSITIVE_INFINITY) this.#repeats.delete(id)
      else if (dueMs <= nowMs) {
        const socket = this.#sockets.get(flow.path.socket)
        for (const bytes of repeat.datagrams)
          if (socket != null) this.#backend.send(socket.socket, flow.path.remote, bytes)
        repeat.sent++
        wakeMs = nowMs
      } else wakeMs = Math.min(wakeMs, dueMs)
    }
    return wakeMs
  }

  stop(): void {
    for (const flow of [...this.flows.all()]) this.#close(flow)
    for (const { socket } of this.#sockets.values()) this.#backend.unbind(socket)
    this.#sockets.clear()
  }

  publicSocket(id: SocketId): Public | undefined {
    return this.#sockets.get(id)?.socket
  }

  #answer(request: Exclude<PlaneRequest, { op: 'send' | 'pipe' }>): void {
    const reply = (value: Bound | FlowInfo | PlaneStats | null) => this.#post({ id: request.id, value })
    const fail = (error: NatError) =>
      this.#post({ id: request.id, error: { code: error.code, message: error.message } })
    switch (request.op) {
      case 'bind':
        if (this.#sockets.size >= MAX_PUBLIC_SOCKETS) {
          fail(new NatError('LIMIT', `${MAX_PUBLIC_SOCKETS} sockets are open already: close a listener first`))
          return
        }
        this.#backend.bind(request.address, request.port, result => {
          if (result instanceof NatError) {
            fail(result)
            return
          }
          const id = this.#nextSocket++
          this.#sockets.set(id, { socket: result.socket, enginePort: null })
          this.#backend.opened(result.socket, id)
          reply({ socket: id, port: result.port })
        })
        return
      case 'unbind': {
        const open = this.#sockets.get(request.socket)
        for (const flow of [...this.flows.all()]) {
          if (flow.path.kind === 'udp' && flow.path.socket === request.socket) this.#close(flow)
        }
        if (open != null && this.#sockets.delete(request.socket)) this.#backend.unbind(open.socket)
        reply(null)
        return
      }
      case 'listen': {
        const open = this.#sockets.get(request.socket)
        if (open != null) open.enginePort = request.enginePort
        reply(null)
        return
      }
      case 'dial': {
        const flow = this.#dial(request.path)
        if (flow == null) {
          fail(
            new NatError(
              'LIMIT',
              `the packet switch holds ${this.flows.size} peers, which is its bound: close some first`
            )
          )
          return
        }
        if (request.punch) this.#repeats.set(flow.id, { datagrams: [], startMs: this.#now(), sent: 0 })
        this.#whenOpen(flow, reply)
        return
      }
      case 'release': {
        const flow = this.flows.get(request.flow)
        if (flow != null) {
          this.#repeats.delete(flow.id)
          if (request.now) this.#close(flow)
          else this.flows.release(flow, this.#now())
        }
        reply(null)
        return
      }
      case 'move': {
        const flow = this.flows.get(request.flow)
        if (flow != null) this.#move(flow, request.path)
        reply(null)
        return
      }
      case 'find': {
        const flow = this.#ports.get(request.loopbackPort)
        reply(flow == null ? null : { flow: flow.id, loopbackPort: request.loopbackPort, path: flow.path })
        return
      }
      case 'stats':
        reply({ flows: this.flows.size, ...this.counts })
        return
      case 'stop':
        this.stop()
        reply(null)
        return
      default:
        request satisfies never
    }
  }

  #dial(path: Path): Flow<Loop> | undefined {
    if (path.kind === 'udp') {
      const existing = this.flows.find(path.socket, this.#backend.keyOf(path.remote), 'client')
      if (existing != null) {
        this.flows.retain(existing)
        return existing
      }
    }
    return this.#open('client', path, undefined)
  }

  #open(role: Role, path: Path, enginePort: number | undefined): Flow<Loop> | undefined {
    const nowMs = this.#now()
    const room = this.flows.admit(role, nowMs)
    if (!room.ok) {
      this.counts.droppedTableFull++
      return undefined
    }
    if (room.evict != null) this.#close(room.evict)
    const remote = path.kind === 'udp' ? path.remote : undefined
    const loop = this.#backend.openLoop(enginePort, remote)
    const key = remote == null ? undefined : this.#backend.keyOf(remote)
    const flow = this.flows.add(role, path, key, loop, nowMs)
    this.#backend.assigned(loop, flow)
    if (path.kind === 'pipe') this.#pipes.set(path.pipe, flow)
    return flow
  }

  #whenOpen(flow: Flow<Loop>, done: (info: FlowInfo) => void): void {
    this.#backend.whenOpen(flow.handle, loopbackPort => {
      this.#ports.set(loopbackPort, flow)
      this.#portOf.set(flow.id, loopbackPort)
      done({ flow: flow.id, loopbackPort, path: flow.path })
    })
  }

  #move(flow: Flow<Loop>, path: Path): void {
    if (flow.path.kind === 'pipe') this.#pipes.delete(flow.path.pipe)
    const remote = path.kind === 'udp' ? path.remote : undefined
    this.flows.move(flow, path, remote == null ? undefined : this.#backend.keyOf(remote))
    if (path.kind === 'pipe') this.#pipes.set(path.pipe, flow)
    this.#backend.aim(flow.handle, remote)
  }

  #close(flow: Flow<Loop>): void {
    this.flows.remove(flow)
    this.#repeats.delete(flow.id)
    if (flow.path.kind === 'pipe') this.#pipes.delete(flow.path.pipe)
    this.#backend.closeLoop(flow.handle)
    const loopbackPort = this.#portOf.get(flow.id)
    if (loopbackPort == null) return
    this.#portOf.delete(flow.id)
    if (this.#ports.get(loopbackPort) === flow) this.#ports.delete(loopbackPort)
    this.#post({ event: 'gone', flow: flow.id, loopbackPort })
  }
}

const NOBODY: readonly never[] = []
