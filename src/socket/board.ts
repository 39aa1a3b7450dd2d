import { NatError } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Backend } from './backend.ts'
import { isStun, longHeader, looksLikeStun } from './demux.ts'
import { FirstFlights } from './first-flight.ts'
import type { Flow, FlowLimits, RemoteKey } from './flow.ts'
import { FlowTable } from './flows.ts'
import { HandshakeGate } from './handshake-gate.ts'
import type { Path, Role, SocketId } from './path.ts'
import type { FlowInfo, PlaneEvent, PlaneStats } from './plane.ts'
import { PublicSockets } from './public-sockets.ts'

const SWEEP_EVERY_MS = 500
const NOBODY: readonly never[] = []

/** The part of the packet switch that both data planes share: who gets what, and everything that is not the hot path. */
export class Board<Public, Loop> {
  readonly flows: FlowTable<Loop>
  readonly sockets: PublicSockets<Public>
  readonly counts = {
    droppedUnknown: 0,
    droppedNoListener: 0,
    droppedTableFull: 0,
    droppedEarly: 0,
    droppedSend: 0,
    stun: 0,
    droppedStun: 0
  }
  readonly #backend: Backend<Public, Loop>
  readonly #post: (event: PlaneEvent) => void
  readonly #now: () => number
  readonly #pipes = new Map<number, Flow<Loop>>()
  readonly #ports = new Map<number, Flow<Loop>>()
  readonly #portOf = new Map<number, number>()
  readonly #firstFlights = new FirstFlights()
  readonly #gate: HandshakeGate<Loop>
  #nextSweepMs = 0

  constructor(
    backend: Backend<Public, Loop>,
    post: (event: PlaneEvent) => void,
    now: () => number,
    limits?: FlowLimits
  ) {
    this.#backend = backend
    this.#post = post
    this.#now = now
    this.flows = new FlowTable(limits)
    this.sockets = new PublicSockets(backend)
    this.#gate = new HandshakeGate((loop, bytes) => backend.deliver(loop, bytes), post)
  }

  unbind(id: SocketId): void {
    for (const flow of this.flows.all()) {
      if (flow.path.kind === 'udp' && flow.path.socket === id) this.#close(flow)
    }
    this.sockets.unbind(id)
  }

  /** A loopback port for the engine's client to dial; several dials to one address share it. */
  dial(path: Path, punch: boolean, done: (result: FlowInfo | NatError) => void): void {
    const flow = this.#dialled(path) ?? this.#open('client', path, undefined)
    if (flow == null) {
      const bound = `the packet switch holds ${this.flows.size} peers, which is its bound: close some first`
      done(new NatError('LIMIT', bound))
      return
    }
    this.flows.retain(flow)
    if (punch) this.#firstFlights.expect(flow.id)
    this.#whenOpen(flow, done)
  }

  /** The engine's server has a connection on that loopback port: tells whose it is. It uses the flow until it is released. */
  accept(loopbackPort: number): FlowInfo | null {
    const flow = this.#ports.get(loopbackPort)
    if (flow == null) return null
    this.flows.retain(flow)
    this.#gate.finished(flow)
    return { flow: flow.id, loopbackPort, path: flow.path }
  }

  /** Takes back one dial or accept. With `now`, nothing that the engine still sends leaves; else its last words get out. */
  release(id: number, now: boolean): void {
    const flow = this.flows.get(id)
    if (flow == null || !this.flows.release(flow, this.#now())) return
    this.#firstFlights.forget(id)
    if (now) this.#close(flow)
  }

  move(id: number, path: Path): void {
    const flow = this.flows.get(id)
    if (flow == null) return
    this.#leavePipe(flow)
    const remote = path.kind === 'udp' ? path.remote : undefined
    this.flows.move(flow, path, remote == null ? undefined : this.#backend.keyOf(remote))
    if (path.kind === 'pipe') this.#pipes.set(path.pipe, flow)
    this.#backend.aim(flow.handle, remote)
  }

  stats(): PlaneStats {
    const { size: handshakes, dropped: droppedHandshake } = this.#gate
    return { flows: this.flows.size, handshakes, droppedHandshake, ...this.counts }
  }

  send(id: SocketId, to: Endpoint, bytes: Uint8Array): void {
    const socket = this.sockets.get(id)
    if (socket == null) this.counts.droppedSend++
    else this.#backend.send(socket, to, bytes)
  }

  /** Finds who gets a packet from the network; makes an inbound flow when it opens a connection. Counts what nobody gets. */
  route(id: SocketId, key: RemoteKey, bytes: Uint8Array, remote: () => Endpoint): readonly Flow<Loop>[] {
    if (bytes[0]! < 0x40 && (isStun(bytes) || (looksLikeStun(bytes) && !this.flows.knows(id, key)))) {
      this.counts.stun++
      this.#post({ event: 'stun', socket: id, from: remote(), bytes: new Uint8Array(bytes) })
      return NOBODY
    }
    const enginePort = this.sockets.enginePort(id)
    const route = this.flows.route(id, key, bytes, enginePort != null)
    if ('to' in route) {
      if (!this.#gate.admits(route.to, bytes, this.#now())) return NOBODY
      return route.also == null ? [route.to] : [route.to, route.also]
    }
    if ('open' in route) {
      if (!this.#gate.hasRoom(remote(), this.#now())) return NOBODY
      const flows = this.#inbound(id, remote(), enginePort)
      return flows.filter(flow => this.#gate.admits(flow, bytes, this.#now()))
    }
    if (route.drop === 'no-listener') this.counts.droppedNoListener++
    else this.counts.droppedUnknown++
    return NOBODY
  }

  /** To be called for what the engine sends, except for packets with a short header, which change nothing. */
  sent(flow: Flow<Loop>, bytes: Uint8Array): void {
    const nowMs = this.#now()
    this.flows.sent(flow, bytes, nowMs)
    this.#firstFlights.sent(flow.id, bytes, nowMs)
    this.#gate.sent(flow, bytes)
  }

  /** To be called for every packet that a flow gets from the network. */
  received(flow: Flow<Loop>, bytes: Uint8Array): void {
    this.flows.received(flow, bytes, this.#now())
    // only what our client is addressed by answers it: the other side's opening packets come the same way, and are what
    // makes the next repetition arrive
    if (this.#firstFlights.has(flow.id) && flow.ids.has(longHeader(bytes)?.destinationId ?? '')) {
      this.#firstFlights.forget(flow.id)
    }
  }

  /** Carries a datagram of a flow whose path is a pipe. */
  toPipe(pipe: number, bytes: Uint8Array): void {
    this.#post({ event: 'pipe', pipe, bytes: new Uint8Array(bytes) })
  }

  fromPipe(pipe: number, bytes: Uint8Array): void {
    const flow = this.#pipes.get(pipe)
    if (flow == null || bytes.length === 0) {
      this.counts.droppedUnknown++
      return
    }
    this.received(flow, bytes)
    this.#backend.deliver(flow.handle, bytes)
  }

  /** Does what is due: repeats first flights, frees flows whose time is over. @returns when to call again */
  tick(): number {
    const nowMs = this.#now()
    if (nowMs >= this.#nextSweepMs) {
      this.#nextSweepMs = nowMs + SWEEP_EVERY_MS
      for (const flow of this.flows.expired(nowMs)) this.#close(flow)
      this.#gate.tick(nowMs)
    }
    const repeatAtMs = this.#firstFlights.tick(nowMs, (id, bytes) => {
      const path = this.flows.get(id)?.path
      if (path?.kind !== 'udp') return false
      this.send(path.socket, path.remote, bytes)
      return true
    })
    return Math.min(this.#nextSweepMs, repeatAtMs)
  }

  stop(): void {
    for (const flow of this.flows.all()) this.#close(flow)
    this.sockets.close()
  }

  #dialled(path: Path): Flow<Loop> | undefined {
    if (path.kind === 'udp') return this.flows.find(path.socket, this.#backend.keyOf(path.remote), 'client')
    const flow = this.#pipes.get(path.pipe)
    return flow?.role === 'client' ? flow : undefined
  }

  #inbound(socket: SocketId, remote: Endpoint, enginePort: number | undefined): readonly Flow<Loop>[] {
    // nobody can be answered on port 0; only forged packets come from there
    const flow = remote.port === 0 ? undefined : this.#open('server', { kind: 'udp', socket, remote }, enginePort)
    if (flow == null) {
      if (remote.port === 0) this.counts.droppedUnknown++
      return NOBODY
    }
    this.#whenOpen(flow, result => {
      if (!(result instanceof NatError)) this.#post({ event: 'inbound', info: result })
    })
    return this.flows.get(flow.id) == null ? NOBODY : [flow]
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

  #whenOpen(flow: Flow<Loop>, done: (result: FlowInfo | NatError) => void): void {
    this.#backend.whenOpen(flow.handle, result => {
      if (result instanceof NatError) {
        if (result.code === 'LIMIT') this.counts.droppedTableFull++
        this.#close(flow)
        done(result)
        return
      }
      this.#ports.set(result, flow)
      this.#portOf.set(flow.id, result)
      done({ flow: flow.id, loopbackPort: result, path: flow.path })
    })
  }

  #leavePipe({ id, path }: Flow<Loop>): void {
    if (path.kind === 'pipe' && this.#pipes.get(path.pipe)?.id === id) this.#pipes.delete(path.pipe)
  }

  #close(flow: Flow<Loop>): void {
    if (this.flows.get(flow.id) == null) return
    this.#gate.close(flow)
    this.flows.remove(flow)
    this.#firstFlights.forget(flow.id)
    this.#leavePipe(flow)
    this.#backend.closeLoop(flow.handle)
    const loopbackPort = this.#portOf.get(flow.id)
    if (loopbackPort == null) return
    this.#portOf.delete(flow.id)
    if (this.#ports.get(loopbackPort) === flow) this.#ports.delete(loopbackPort)
    this.#post({ event: 'gone', flow: flow.id, loopbackPort })
  }
}
