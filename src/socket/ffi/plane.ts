import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Backend } from '../backend.ts'
import { exhausted } from '../bind-error.ts'
import { Board } from '../board.ts'
import { longHeader } from '../demux.ts'
import { FLOW_LIMITS, type Flow, type FlowLimits } from '../flow.ts'
import type { Koffi } from '../koffi.ts'
import type { PlaneEvent } from '../plane.ts'
import { BATCH } from './arena.ts'
import { Batch, type Outlet } from './batch.ts'
import { Epoll } from './epoll.ts'
import * as os from './libc.ts'
import { selfTest } from './self-test.ts'
import { AddressSlots } from './slots.ts'
import { fromSockaddr, keyAt, keyOfSockaddr, toSockaddr } from './sockaddr.ts'
import { openUdp, type PublicSocket } from './sockets.ts'

/** The loopback side of one flow. */
interface Loop extends Outlet {
  readonly port: number
  /** Why there is no socket. */
  readonly error: NatError | undefined
  /** Connected to the engine's socket, so that datagrams can go to it. */
  up: boolean
  flow: Flow<Loop> | undefined
  readonly slot: number
  nameLow: number
  nameHigh: number
  nameBytes: number
}

/** Batches that one socket may have in a row before the others get a turn. */
const ROUNDS = 4

/** The fast data plane: recvmmsg and sendmmsg in batches, with GRO and GSO, in a thread that sleeps in epoll_wait. */
export class FfiPlane implements Backend<PublicSocket, Loop> {
  readonly board: Board<PublicSocket, Loop>
  readonly #libc: os.Libc
  readonly #batch: Batch
  readonly #slots: AddressSlots
  readonly #epoll: Epoll
  readonly #byFd: (PublicSocket | Loop | undefined)[] = []

  /** @throws Error when the system refuses what the plane is made of */
  constructor(koffi: Koffi, libc: os.Libc, post: (event: PlaneEvent) => void, limits: FlowLimits = FLOW_LIMITS) {
    this.#libc = libc
    this.#epoll = new Epoll(libc)
    this.board = new Board<PublicSocket, Loop>(this, post, () => performance.now(), limits)
    this.#batch = new Batch(koffi, libc, () => this.board.counts.droppedSend++)
    this.#slots = new AddressSlots(koffi, limits.maxFlows)
  }

  /** Moves a few datagrams over loopback. @throws Error when the system does not let the plane do its work */
  selfTest(): void {
    selfTest(this.#libc, this.#batch)
  }

  /** Watches a descriptor of somebody else's; `poll` tells when it is readable. */
  watch(fd: number): boolean {
    return this.#epoll.watch(fd)
  }

  /** Sleeps until something happens, moves what there is. @returns whether the watched descriptor became readable */
  poll(watched: number): boolean {
    let woken = false
    for (const fd of this.#epoll.wait(this.board.tick() - performance.now())) {
      const owner = this.#byFd[fd]
      if (fd === watched) woken = true
      else if (owner == null) continue
      else if ('port' in owner) this.#fromEngine(owner)
      else this.#fromNetwork(owner)
    }
    return woken
  }

  close(): void {
    this.board.stop()
    this.#epoll.close()
    this.#batch.free()
    this.#slots.release()
  }

  bind(address: string, port: number, done: (result: { socket: PublicSocket; port: number } | NatError) => void): void {
    let opened: ReturnType<typeof openUdp>
    try {
      opened = openUdp(this.#libc, address, port)
    } catch (error) {
      done(error instanceof NatError ? error : new NatError('NO_NETWORK', String(error), { cause: error }))
      return
    }
    const socket: PublicSocket = { fd: opened.fd, family: opened.family, gso: true, id: 0 }
    this.#byFd[socket.fd] = socket
    if (this.watch(socket.fd)) done({ socket, port: opened.port })
    else {
      const error = exhausted(os.errorName(this.#libc))
      this.unbind(socket)
      done(error)
    }
  }

  opened(socket: PublicSocket, id: number): void {
    socket.id = id
  }

  unbind(socket: PublicSocket): void {
    this.#byFd[socket.fd] = undefined
    this.#libc.close(socket.fd)
  }

  keyOf(remote: Endpoint): number | string {
    return keyOfSockaddr(toSockaddr(remote))
  }

  openLoop(enginePort: number | undefined, remote: Endpoint | undefined): Loop {
    const unaimed = { up: false, gso: true, flow: undefined, nameLow: 0, nameHigh: 0, nameBytes: 0 }
    let opened: ReturnType<typeof openUdp>
    try {
      opened = openUdp(this.#libc, '127.0.0.1', 0)
    } catch (error) {
      return { ...unaimed, fd: -1, port: 0, error: error as NatError, slot: -1 }
    }
    const { fd, port } = opened
    if (!this.watch(fd)) {
      const error = exhausted(os.errorName(this.#libc))
      this.#libc.close(fd)
      return { ...unaimed, fd: -1, port: 0, error, slot: -1 }
    }
    const loop: Loop = { ...unaimed, fd, port, error: undefined, slot: this.#slots.take() }
    this.#byFd[fd] = loop
    if (enginePort != null) this.#connect(loop, toSockaddr({ address: '127.0.0.1', port: enginePort }))
    this.aim(loop, remote)
    return loop
  }

  assigned(loop: Loop, flow: Flow<Loop>): void {
    loop.flow = flow
  }

  whenOpen(loop: Loop, done: (result: number | NatError) => void): void {
    done(loop.error ?? loop.port)
  }

  aim(loop: Loop, remote: Endpoint | undefined): void {
    loop.nameBytes = 0
    if (remote == null || loop.slot < 0) return
    const sockaddr = toSockaddr(remote)
    this.#slots.write(loop.slot, sockaddr)
    const { low, high } = this.#slots.pointer(loop.slot)
    loop.nameLow = low
    loop.nameHigh = high
    loop.nameBytes = sockaddr.length
  }

  closeLoop(loop: Loop): void {
    loop.flow = undefined
    if (loop.fd < 0) return
    this.#byFd[loop.fd] = undefined
    this.#libc.close(loop.fd)
    this.#slots.give(loop.slot)
  }

  send(socket: PublicSocket, to: Endpoint, bytes: Uint8Array): void {
    const name = toSockaddr(to)
    const taken =
      name[0] === socket.family &&
      this.#libc.sendto(socket.fd, bytes, bytes.length, os.MSG_DONTWAIT, name, name.length) >= 0
    if (!taken) this.board.counts.droppedSend++
  }

  deliver(loop: Loop, bytes: Uint8Array): void {
    // a flow that the engine has not sent on yet has nobody who could be meant; an inbound one is up from its beginning
    if (!loop.up) this.board.counts.droppedEarly++
    else if (this.#libc.sendto(loop.fd, bytes, bytes.length, os.MSG_DONTWAIT, null, 0) < 0) {
      this.board.counts.droppedSend++
    }
  }

  #connect(loop: Loop, engine: Uint8Array): void {
    loop.up = this.#libc.connect(loop.fd, engine, engine.length) === 0
  }

  #fromEngine(loop: Loop): void {
    const { arena } = this.#batch
    for (let round = 0; round < ROUNDS; round++) {
      const count = this.#batch.receive(loop.fd)
      const flow = loop.flow
      if (count <= 0 || flow == null) return
      const first = loop.up ? 0 : this.#meetEngine(loop, count)
      const socket = flow.path.kind === 'udp' ? this.board.sockets.get(flow.path.socket) : undefined
      for (let i = first; i < count; i++) {
        if (!arena.isShortHeader(i)) for (const part of arena.segments(i)) this.board.sent(flow, part)
        if (socket != null) arena.prepare(i, loop.nameLow, loop.nameHigh, loop.nameBytes)
        else if (flow.path.kind === 'pipe') {
          for (const part of arena.segments(i)) this.board.toPipe(flow.path.pipe, part)
        }
      }
      flow.lastOutMs = performance.now()
      if (socket != null) this.#batch.flush(socket, first, count)
      if (count < BATCH) return
    }
  }

  /** The client's port is known from its first packet only; then nobody else is heard. @returns its slot, or `count` */
  #meetEngine(loop: Loop, count: number): number {
    const { arena } = this.#batch
    let first = 0
    while (first < count && longHeader(arena.payload(first))?.opensConnection !== true) first++
    if (first < count) this.#connect(loop, arena.name(first))
    return first
  }

  #fromNetwork(socket: PublicSocket): void {
    const { arena } = this.#batch
    for (let round = 0; round < ROUNDS; round++) {
      const count = this.#batch.receive(socket.fd)
      if (count <= 0) return
      let start = 0
      let current: Loop | undefined
      for (let i = 0; i < count; i++) {
        const flow = this.board.flows.only(socket.id, keyAt(arena.words, arena.nameWord(i)))
        const loop = flow?.handle.up === true && arena.isShortHeader(i) ? flow.handle : undefined
        if (loop !== current || loop == null) {
          if (current != null) this.#batch.flush(current, start, i)
          current = loop
          start = i
        }
        if (flow != null && loop != null) {
          this.board.received(flow, arena.payload(i))
          arena.prepare(i, 0, 0, 0)
        } else this.#route(socket, i)
      }
      if (current != null) this.#batch.flush(current, start, count)
      if (count < BATCH) return
    }
  }

  /** Everything that is not simply the next packet of the only flow from there. */
  #route(socket: PublicSocket, i: number): void {
    const { arena } = this.#batch
    const key = keyAt(arena.words, arena.nameWord(i))
    for (const part of arena.segments(i)) {
      for (const flow of this.board.route(socket.id, key, part, () => fromSockaddr(arena.name(i)))) {
        this.board.received(flow, part)
        this.deliver(flow.handle, part)
      }
    }
  }
}
