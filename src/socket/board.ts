import { NatError } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import { Arrivals } from './arrivals.ts'
import type { Backend } from './backend.ts'
import { newCounts } from './counts.ts'
import { isStun, longHeader, looksLikeStun } from './demux.ts'
import { Dialled } from './dialled.ts'
import { FirstFlights } from './first-flight.ts'
import type { Flow, FlowLimits, FlowPath, RemoteKey } from './flow.ts'
import { FlowTable } from './flows.ts'
import { HandshakeGate } from './handshake-gate.ts'
import { Openings } from './openings.ts'
import type { Path, SocketId } from './path.ts'
import { PipeInput } from './pipe-input.ts'
import { Pipes } from './pipes.ts'
import type { FlowInfo, PlaneEvent, PlaneStats } from './plane.ts'
import { PublicSockets } from './public-sockets.ts'
import { route } from './route.ts'
import { Sending } from './sending.ts'
import { Steering } from './steering.ts'
import { Traffic } from './traffic.ts'
import { takeUnheard } from './unheard.ts'

const SWEEP_EVERY_MS = 500
const NOBODY: readonly never[] = []

/** The part of the packet switch that both data planes share: who gets what, and everything that is not the hot path. */
export class Board<Public, Loop> {
  readonly flows: FlowTable<Loop>
  readonly sockets: PublicSockets<Public>
  readonly pipes: Pipes
  readonly sending: Sending<Public, Loop>
  readonly steering: Steering<Public, Loop>
  readonly counts = newCounts()
  readonly #backend: Backend<Public, Loop>
  readonly #post: (event: PlaneEvent) => void
  readonly #now: () => number
  readonly #traffic: Traffic<Loop>
  readonly #openings: Openings<Public, Loop>
  readonly #firstFlights = new FirstFlights()
  readonly #arrivals = new Arrivals<Flow<Loop>>()
  readonly #gate: HandshakeGate<Loop>
  readonly #dialled = new Dialled<Loop>()
  readonly #pipeInput: PipeInput<Loop>
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
    this.pipes = new Pipes(post, this.counts)
    this.sending = new Sending(backend, this.sockets, this.pipes, this.counts)
    this.#openings = new Openings(backend, this)
    this.steering = new Steering(backend, this)
    this.#traffic = new Traffic(post)
    this.#gate = new HandshakeGate((loop, bytes) => backend.deliver(loop, bytes), post)
    this.#pipeInput = new PipeInput(this, backend, this.#gate, this.#arrivals, post)
  }

  unbind(id: SocketId): void {
    this.steering.leaveSocket(id)
    this.sockets.unbind(id)
  }

  closePipe(pipe: number): void {
    if (this.pipes.close(pipe)) this.steering.leavePipe(pipe)
  }

  /** A loopback port for the engine's client to dial; several dials by one path share it. */
  dial(path: Path, punch: boolean, done: (result: FlowInfo | NatError) => void): void {
    const flow = this.#openings.find('client', path, undefined, this.#now())
    if (punch && !(flow instanceof NatError)) this.#firstFlights.expect(flow.id)
    this.#begin(flow, done)
  }

  /** A flow for what comes by a pipe, with the engine's server on that loopback port behind it: a use, as of a dial. */
  serve(pipe: number, enginePort: number, done: (result: FlowInfo | NatError) => void): void {
    this.#begin(this.#openings.find('server', { kind: 'pipe', pipe }, enginePort, this.#now()), done)
  }

  /** The engine's server has a connection on that loopback port: tells whose it is. It uses the flow until it is released. */
  accept(loopbackPort: number): FlowInfo | null {
    const flow = this.#openings.byPort(loopbackPort)
    if (flow == null) return null
    this.flows.retain(flow)
    flow.accepted = true
    this.#gate.finished(flow)
    return { flow: flow.id, loopbackPort, path: flow.path }
  }

  /** Takes back one dial, serve or accept. With `now`, nothing that the engine still sends leaves; else its last words get out. */
  release(id: number, now: boolean): void {
    const flow = this.flows.get(id)
    if (flow == null || !this.flows.release(flow, this.#now())) return
    this.#firstFlights.forget(id)
    if (now) this.close(flow)
  }

  /** @returns whether the flow sends by that path now */
  move(id: number, path: Path, also?: Path, holdMs = 0): boolean {
    const [nowMs, flow] = [this.#now(), this.flows.get(id)]
    const moved = this.steering.move(id, path, also, holdMs, nowMs)
    if (moved && flow != null) for (const bytes of takeUnheard(flow)) this.sending.send(flow, bytes, nowMs)
    this.pipes.flush()
    return moved
  }

  watch(id: number, on: boolean): void {
    const flow = this.flows.get(id)
    if (flow == null) return
    if (on) this.#traffic.watch(flow)
    else this.#traffic.unwatch(flow)
  }

  stats(): PlaneStats {
    const { size: handshakes, dropped: droppedHandshake } = this.#gate
    const { size: flows, admitted } = this.flows
    return { flows, admitted, pipes: this.pipes.size, handshakes, droppedHandshake, ...this.counts }
  }

  /** Finds who gets a packet from the network; makes an inbound flow when it opens a connection. Counts what nobody gets. */
  route(id: SocketId, key: RemoteKey, bytes: Uint8Array, remote: () => Endpoint): readonly FlowPath<Loop>[] {
    if (bytes[0]! < 0x40 && (isStun(bytes) || (looksLikeStun(bytes) && this.flows.at(id, key).length === 0))) {
      this.counts.stun++
      this.#post({ event: 'stun', socket: id, from: remote(), bytes: new Uint8Array(bytes) })
      return NOBODY
    }
    const enginePort = this.sockets.enginePort(id)
    const found = route(this.flows.at(id, key), bytes, enginePort != null)
    if ('to' in found) return found.to.filter(entry => this.#gate.admits(entry, bytes, this.#now()))
    if ('open' in found) {
      if (!this.#gate.hasRoom(remote(), this.#now())) return NOBODY
      const entries = this.#inbound(id, remote(), enginePort)
      return entries.filter(entry => this.#gate.admits(entry, bytes, this.#now()))
    }
    if (found.drop === 'no-listener') this.counts.droppedNoListener++
    else this.counts.droppedUnknown++
    return NOBODY
  }

  /** To be called for what the engine sends, except for packets with a short header, which change nothing. */
  sent(flow: Flow<Loop>, bytes: Uint8Array): void {
    const nowMs = this.#now()
    this.flows.sent(flow, bytes, nowMs)
    this.#firstFlights.sent(flow.id, bytes, nowMs)
    this.#gate.sent(flow, bytes)
    this.#dialled.sent(flow, bytes)
  }

  /** To be called for every packet that a flow gets, or for the first of `count` with a short header. */
  received(entry: FlowPath<Loop>, bytes: Uint8Array, count = 1): void {
    const { flow } = entry
    entry.heard += count
    this.flows.received(flow, bytes, this.#now())
    // only what our client is addressed by answers it: the other side's opening packets come the same way, and are what
    // makes the next repetition arrive
    if (this.#firstFlights.has(flow.id) && flow.ids.has(longHeader(bytes)?.destinationId ?? '')) {
      this.#firstFlights.forget(flow.id)
    }
  }

  /** Sends a datagram of the engine's, which keeps its bytes until `pipes.flush`. */
  send(flow: Flow<Loop>, bytes: Uint8Array): void {
    this.sending.send(flow, bytes, this.#now())
  }

  /** Takes the next bytes of a pipe's stream, which stay as they are. */
  fromPipe(pipe: number, chunk: Uint8Array): void {
    const broken = this.#pipeInput.take(pipe, chunk, this.#now())
    if (broken == null) return
    this.#post({ event: 'pipe-broken', pipe, reason: broken.message })
    this.closePipe(pipe)
  }

  /** A datagram for a flow that came by an address, in its turn. @returns what the flow gets now */
  inTurn(flow: Flow<Loop>, bytes: Uint8Array): readonly Uint8Array[] {
    return this.#arrivals.take(flow, bytes, this.#now())
  }

  /** Does what is due: repeats first flights, sends what has waited, frees flows whose time is over. @returns when to call again */
  tick(): number {
    const nowMs = this.#now()
    if (nowMs >= this.#nextSweepMs) {
      this.#nextSweepMs = nowMs + SWEEP_EVERY_MS
      for (const flow of this.flows.expired(nowMs)) this.close(flow)
      this.#gate.tick(nowMs)
    }
    const repeatAtMs = this.#firstFlights.tick(nowMs, (id, bytes) => {
      const path = this.flows.get(id)?.path
      if (path?.kind !== 'udp') return false
      this.sending.toAddress(path.socket, path.remote, bytes)
      return true
    })
    const heldUntilMs = this.sending.tick(nowMs)
    const waitingUntilMs = this.#arrivals.tick(nowMs, ({ handle }, waited) => this.#backend.deliverAll(handle, waited))
    this.pipes.flush()
    return Math.min(this.#nextSweepMs, repeatAtMs, heldUntilMs, waitingUntilMs, this.#traffic.tick(nowMs))
  }

  /** Ends the flow at once. */
  close(flow: Flow<Loop>): void {
    if (this.flows.get(flow.id) == null) return
    this.#gate.close(flow)
    for (const close of this.#dialled.end(flow)) this.#backend.deliver(flow.handle, close)
    this.flows.remove(flow)
    this.#firstFlights.forget(flow.id)
    this.#traffic.unwatch(flow)
    this.sending.close(flow)
    this.#arrivals.close(flow)
    this.#backend.closeLoop(flow.handle)
    const loopbackPort = this.#openings.forget(flow)
    if (loopbackPort != null) this.#post({ event: 'gone', flow: flow.id, loopbackPort })
  }

  stop(): void {
    for (const flow of this.flows.all()) this.close(flow)
    this.sockets.close()
  }

  #begin(flow: Flow<Loop> | NatError, done: (result: FlowInfo | NatError) => void): void {
    if (flow instanceof NatError) {
      done(flow)
      return
    }
    this.flows.retain(flow)
    this.#openings.whenOpen(flow, done)
  }

  #inbound(socket: SocketId, remote: Endpoint, enginePort: number | undefined): readonly FlowPath<Loop>[] {
    // nobody can be answered on port 0; only forged packets come from there
    const path: Path = { kind: 'udp', socket, remote }
    const flow = remote.port === 0 ? undefined : this.#openings.open('server', path, enginePort, this.#now())
    if (flow == null) {
      if (remote.port === 0) this.counts.droppedUnknown++
      return NOBODY
    }
    this.#openings.whenOpen(flow, result => {
      if (!(result instanceof NatError)) this.#post({ event: 'inbound', info: result })
    })
    return flow.paths
  }
}
