import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Backend } from '../backend.ts'
import { exhausted } from '../bind-error.ts'
import { Board } from '../board.ts'
import { longHeader } from '../demux.ts'
import { FLOW_LIMITS, type Flow, type FlowLimits, type FlowPath } from '../flow.ts'
import type { Koffi } from '../koffi.ts'
import type { PlaneEvent } from '../plane.ts'
import { addressed } from '../route.ts'
import { isSilent } from '../unheard.ts'
import { BATCH } from './arena.ts'
import { Batch } from './batch.ts'
import { Epoll } from './epoll.ts'
import * as os from './libc.ts'
import { type Loop, Loops } from './loops.ts'
import { Outgoing } from './outgoing.ts'
import { selfTest } from './self-test.ts'
import { fromSockaddr, keyAt, keyOfSockaddr, toSockaddr } from './sockaddr.ts'
import { openUdp, type PublicSocket } from './sockets.ts'

/** Batches that one socket may have in a row before the others get a turn. */
const ROUNDS = 4

/** The fast data plane: recvmmsg and sendmmsg in batches, with GRO and GSO, in a thread that sleeps in epoll_wait. */
export class FfiPlane implements Backend<PublicSocket, Loop> {
  readonly board: Board<PublicSocket, Loop>
  readonly #libc: os.Libc
  readonly #batch: Batch
  readonly #loops: Loops
  readonly #epoll: Epoll
  readonly #outgoing: Outgoing
  readonly #byFd: (PublicSocket | Loop | undefined)[] = []

  /** @throws Error when the system refuses what the plane is made of */
  constructor(koffi: Koffi, libc: os.Libc, post: (event: PlaneEvent) => void, limits: FlowLimits = FLOW_LIMITS) {
    this.#libc = libc
    this.#epoll = new Epoll(libc)
    this.board = new Board<PublicSocket, Loop>(this, post, () => performance.now(), limits)
    this.#batch = new Batch(koffi, libc, () => this.board.counts.droppedSend++)
    this.#outgoing = new Outgoing(this.#batch, this.board)
    this.#loops = new Loops(koffi, libc, limits.maxFlows)
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
    this.#loops.release()
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
    const loop = this.#loops.open(enginePort, fd => this.watch(fd))
    if (loop.fd >= 0) {
      this.#byFd[loop.fd] = loop
      this.aim(loop, remote, undefined)
    }
    return loop
  }

  assigned(loop: Loop, flow: Flow<Loop>): void {
    loop.flow = flow
  }

  whenOpen(loop: Loop, done: (result: number | NatError) => void): void {
    done(loop.error ?? loop.port)
  }

  aim(loop: Loop, remote: Endpoint | undefined, also: Endpoint | undefined): void {
    this.#loops.aim(loop.main, remote)
    this.#loops.aim(loop.also, also)
  }

  closeLoop(loop: Loop): void {
    loop.flow = undefined
    if (loop.fd < 0) return
    this.#byFd[loop.fd] = undefined
    this.#loops.close(loop)
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

  deliverAll(loop: Loop, datagrams: readonly Uint8Array[]): void {
    if (loop.up) this.#batch.sendAll(loop, datagrams)
    else this.board.counts.droppedEarly += datagrams.length
  }

  #fromEngine(loop: Loop): void {
    const { arena } = this.#batch
    for (let round = 0; round < ROUNDS; round++) {
      const count = this.#batch.receive(loop.fd)
      const flow = loop.flow
      if (count <= 0 || flow == null) return
      const first = loop.up ? 0 : this.#meetEngine(loop, count)
      for (let i = first; i < count; i++) {
        if (!arena.isShortHeader(i)) for (const part of arena.segments(i)) this.board.sent(flow, part)
      }
      flow.lastOutMs = performance.now()
      if (isSilent(flow, flow.lastOutMs)) this.#outgoing.keepUnheard(flow, first, count)
      this.#outgoing.send(flow, first, count)
      if (count < BATCH) return
    }
  }

  /** The client's port is known from its first packet only; then nobody else is heard. @returns its slot, or `count` */
  #meetEngine(loop: Loop, count: number): number {
    const { arena } = this.#batch
    let first = 0
    while (first < count && longHeader(arena.payload(first))?.opensConnection !== true) first++
    if (first < count) this.#loops.connect(loop, arena.name(first))
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
        const entries = this.board.flows.at(socket.id, keyAt(arena.words, arena.nameWord(i)))
        const short = entries.length > 0 && arena.isShortHeader(i)
        const alone = short && entries.length === 1 ? entries[0] : undefined
        const loop = alone?.flow.underWay == null ? alone?.flow.handle : undefined
        if (loop !== current || loop == null) {
          if (current != null) this.#batch.flush(current, start, i)
          current = loop?.up === true ? loop : undefined
          start = i
        }
        if (current != null) {
          this.board.received(entries[0]!, arena.payload(i), arena.count(i))
          arena.prepare(i, 0, 0, 0)
        } else if (alone?.flow.underWay != null) this.#inTurn(alone, i)
        else if (short) this.#toSeveral(entries, i)
        else this.#route(socket, i)
      }
      if (current != null) this.#batch.flush(current, start, count)
      if (count < BATCH) return
    }
  }

  /** Datagrams by a faster path than that by which others are under way. */
  #inTurn(entry: FlowPath<Loop>, i: number): void {
    const { arena } = this.#batch
    this.board.received(entry, arena.payload(i), arena.count(i))
    for (const part of arena.segments(i)) {
      for (const bytes of this.board.inTurn(entry.flow, part)) this.deliver(entry.flow.handle, bytes)
    }
  }

  /** Datagrams with short headers from where several flows are: to the one whose id they have, or to all (see route.ts). */
  #toSeveral(entries: readonly FlowPath<Loop>[], i: number): void {
    const { arena } = this.#batch
    const payload = arena.payload(i)
    const datagrams = arena.count(i)
    const known = arena.isToOneId(i) ? addressed(entries, payload) : undefined
    arena.prepare(i, 0, 0, 0)
    for (const entry of known == null ? entries : [known]) {
      const loop = entry.flow.handle
      this.board.received(entry, payload, datagrams)
      if (loop.up) this.#batch.flush(loop, i, i + 1)
      else this.board.counts.droppedEarly += datagrams
    }
  }

  /** Everything but short headers from where a flow is. */
  #route(socket: PublicSocket, i: number): void {
    const { arena } = this.#batch
    const key = keyAt(arena.words, arena.nameWord(i))
    for (const part of arena.segments(i)) {
      for (const entry of this.board.route(socket.id, key, part, () => fromSockaddr(arena.name(i)))) {
        this.board.received(entry, part)
        this.deliver(entry.flow.handle, part)
      }
    }
  }
}
