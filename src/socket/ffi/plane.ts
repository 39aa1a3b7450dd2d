import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import { type Backend, Board } from '../board.ts'
import { STUN_COOKIE } from '../demux.ts'
import { FLOW_LIMITS, type Flow } from '../flows.ts'
import type { Koffi } from '../koffi.ts'
import type { PlaneEvent, PlaneReply } from '../plane.ts'
import { Arena, BATCH } from './arena.ts'
import * as os from './libc.ts'
import { fromSockaddr, keyAt, keyOfSockaddr, toSockaddr } from './sockaddr.ts'
import { AddressSlots, openUdp, type PublicSocket } from './sockets.ts'

/** The loopback side of one flow. */
interface Loop {
  readonly fd: number
  readonly port: number
  /** Connected to the engine's socket, so that datagrams can go to it. */
  up: boolean
  flow: Flow<Loop> | undefined
  slot: number
  nameLow: number
  nameHigh: number
  nameBytes: number
}

/** The cookie as it lies in memory, read as a little-endian word. */
const COOKIE_WORD = Buffer.from(STUN_COOKIE.toString(16), 'hex').readUInt32LE()
const MAX_EVENTS = 64
/** Batches that one socket may have in a row before the others get a turn. */
const ROUNDS = 4

/** The fast data plane: recvmmsg and sendmmsg in batches, with GRO and GSO, in a thread that sleeps in epoll_wait. */
export class FfiPlane implements Backend<PublicSocket, Loop> {
  readonly board: Board<PublicSocket, Loop>
  readonly #libc: os.Libc
  readonly #arena: Arena
  readonly #slots: AddressSlots
  readonly #epoll: number
  readonly #events = new Uint8Array(MAX_EVENTS * os.EPOLL_EVENT.bytes)
  readonly #eventView = new DataView(this.#events.buffer)
  readonly #byFd: (PublicSocket | Loop | undefined)[] = []

  constructor(koffi: Koffi, post: (message: PlaneEvent | PlaneReply) => void) {
    this.#libc = os.loadLibc(koffi)
    this.#arena = new Arena(koffi)
    this.#slots = new AddressSlots(koffi, FLOW_LIMITS.maxFlows)
    this.#epoll = this.#libc.epoll_create1(os.CLOEXEC)
    this.board = new Board<PublicSocket, Loop>(this, post, () => performance.now())
  }

  /** Watches a descriptor of somebody else's; `poll` tells when it is readable. */
  watch(fd: number): void {
    const event = new Uint8Array(os.EPOLL_EVENT.bytes)
    const view = new DataView(event.buffer)
    view.setUint32(0, os.EPOLLIN, true)
    view.setInt32(os.EPOLL_EVENT.fdAt, fd, true)
    this.#libc.epoll_ctl(this.#epoll, os.EPOLL_CTL_ADD, fd, event)
  }

  wakeFd(): number {
    return this.#libc.eventfd(0, os.CLOEXEC | 0o4000)
  }

  /** Sleeps until something happens, moves what there is. @returns whether the watched descriptor became readable */
  poll(watched: number): boolean {
    const timeoutMs = Math.ceil(Math.max(0, this.board.tick() - performance.now()))
    const count = this.#libc.epoll_wait(this.#epoll, this.#events, MAX_EVENTS, timeoutMs)
    let woken = false
    for (let i = 0; i < count; i++) {
      const fd = this.#eventView.getInt32(i * os.EPOLL_EVENT.bytes + os.EPOLL_EVENT.fdAt, true)
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
    this.#libc.close(this.#epoll)
    this.#arena.free()
    this.#slots.release()
  }

  bind(address: string, port: number, done: (result: { socket: PublicSocket; port: number } | NatError) => void): void {
    try {
      const { fd, port: bound, family } = openUdp(this.#libc, address, port)
      const socket: PublicSocket = { fd, family, gso: true, id: 0 }
      this.#byFd[fd] = socket
      this.watch(fd)
      done({ socket, port: bound })
    } catch (error) {
      done(error instanceof NatError ? error : new NatError('NO_NETWORK', String(error), { cause: error }))
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
    const { fd, port } = openUdp(this.#libc, '127.0.0.1', 0)
    const loop: Loop = {
      fd,
      port,
      up: false,
      flow: undefined,
      slot: this.#slots.take(),
      nameLow: 0,
      nameHigh: 0,
      nameBytes: 0
    }
    if (enginePort != null) this.#connect(loop, toSockaddr({ address: '127.0.0.1', port: enginePort }))
    this.#byFd[fd] = loop
    this.watch(fd)
    this.aim(loop, remote)
    return loop
  }

  assigned(loop: Loop, flow: Flow<Loop>): void {
    loop.flow = flow
  }

  whenOpen(loop: Loop, done: (port: number) => void): void {
    done(loop.port)
  }

  aim(loop: Loop, remote: Endpoint | undefined): void {
    loop.nameBytes = 0
    if (remote == null) return
    const sockaddr = toSockaddr(remote)
    this.#slots.write(loop.slot, sockaddr)
    const { low, high } = this.#slots.pointer(loop.slot)
    loop.nameLow = low
    loop.nameHigh = high
    loop.nameBytes = sockaddr.length
  }

  closeLoop(loop: Loop): void {
    this.#byFd[loop.fd] = undefined
    this.#libc.close(loop.fd)
    this.#slots.give(loop.slot)
    loop.flow = undefined
  }

  send(socket: PublicSocket, to: Endpoint, bytes: Uint8Array): void {
    const sockaddr = toSockaddr(to)
    if (sockaddr[0] !== socket.family) return
    if (this.#libc.sendto(socket.fd, bytes, bytes.length, os.MSG_DONTWAIT, sockaddr, sockaddr.length) < 0) {
      this.board.counts.droppedSend++
    }
  }

  deliver(loop: Loop, bytes: Uint8Array): void {
    if (!loop.up) this.board.counts.droppedEarly++
    else this.#libc.sendto(loop.fd, bytes, bytes.length, os.MSG_DONTWAIT, null, 0)
  }

  #connect(loop: Loop, engine: Uint8Array): void {
    loop.up = this.#libc.connect(loop.fd, engine, 16) === 0
  }

  #receive(fd: number): number {
    this.#arena.reset()
    return this.#libc.recvmmsg(fd, this.#arena.receiveHeaders, BATCH, os.MSG_DONTWAIT, null)
  }

  #fromEngine(loop: Loop): void {
    const arena = this.#arena
    for (let round = 0; round < ROUNDS; round++) {
      const count = this.#receive(loop.fd)
      const flow = loop.flow
      if (count <= 0 || flow == null) return
      // the client's port is known from its first packet only; from then on nobody else on this machine is heard
      if (!loop.up) this.#connect(loop, arena.name(0))
      const socket = flow.path.kind === 'udp' ? this.board.publicSocket(flow.path.socket) : undefined
      for (let i = 0; i < count; i++) {
        if ((arena.firstByte(i) & 0x80) !== 0) for (const part of this.#segments(i)) this.board.sent(flow, part)
        if (socket != null) arena.prepare(i, loop.nameLow, loop.nameHigh, loop.nameBytes, socket.gso)
        else if (flow.path.kind === 'pipe')
          for (const part of this.#segments(i)) this.board.toPipe(flow.path.pipe, part)
      }
      flow.lastOutMs = performance.now()
      if (socket != null) this.#flush(socket.fd, 0, count, socket, loop)
      if (count < BATCH) return
    }
  }

  #fromNetwork(socket: PublicSocket): void {
    const arena = this.#arena
    const words = arena.words
    for (let round = 0; round < ROUNDS; round++) {
      const count = this.#receive(socket.fd)
      if (count <= 0) return
      let start = 0
      let current: Loop | undefined
      for (let i = 0; i < count; i++) {
        const flow = this.board.flows.only(socket.id, keyAt(words, arena.nameWord(i)))
        const loop = flow?.handle.up === true && this.#isShortHeader(i) ? flow.handle : undefined
        if (loop !== current || loop == null) {
          if (current != null) this.#flush(current.fd, start, i)
          current = loop
          start = i
        }
        if (flow != null && loop != null) {
          this.board.received(flow)
          arena.prepare(i, 0, 0, 0, true)
        } else this.#route(socket, i)
      }
      if (current != null) this.#flush(current.fd, start, count)
      if (count < BATCH) return
    }
  }

  /** Everything that is not simply the next packet of the only flow from there. */
  #route(socket: PublicSocket, i: number): void {
    const key = keyAt(this.#arena.words, this.#arena.nameWord(i))
    for (const part of this.#segments(i)) {
      for (const flow of this.board.route(socket.id, key, part, () => fromSockaddr(this.#arena.name(i)))) {
        this.board.received(flow)
        this.deliver(flow.handle, part)
      }
    }
  }

  #isShortHeader(i: number): boolean {
    const first = this.#arena.firstByte(i)
    if (first >= 0x80) return false
    return first >= 0x40 || this.#arena.length(i) < 8 || this.#arena.words[(i << 14) + 1] !== COOKIE_WORD
  }

  *#segments(i: number): Generator<Uint8Array> {
    const payload = this.#arena.payload(i)
    const size = this.#arena.segmentBytes(i)
    for (let at = 0; at < payload.length; at += size) yield payload.subarray(at, at + size)
  }

  /** Sends the prepared slots; what the system refuses is lost, as on any network, but a full buffer gets a moment to drain. */
  #flush(fd: number, from: number, to: number, socket?: PublicSocket, loop?: Loop): void {
    let next = from
    let waits = 0
    while (next < to) {
      const sent = this.#libc.sendmmsg(fd, this.#arena.sendHeaders(next), to - next, os.MSG_DONTWAIT)
      if (sent > 0) {
        next += sent
        continue
      }
      const errno = this.#libc.errno()
      if (errno === os.EINTR) continue
      if (errno === os.EAGAIN && waits++ < 3) {
        const pollfd = new Uint8Array(8)
        new DataView(pollfd.buffer).setInt32(0, fd, true)
        pollfd[4] = os.POLLOUT
        this.#libc.poll(pollfd, 1, 1)
        continue
      }
      const segment = this.#arena.preparedSegmentBytes(next)
      if (errno === os.EIO && socket != null && loop != null && segment > 0) {
        socket.gso = false
        this.#sendOneByOne(fd, next, segment, loop)
      } else this.board.counts.droppedSend++
      next++
    }
  }

  #sendOneByOne(fd: number, i: number, size: number, loop: Loop): void {
    const length = this.#arena.length(i)
    const name = (BigInt(loop.nameHigh) << 32n) | BigInt(loop.nameLow)
    for (let at = 0; at < length; at += size) {
      const bytes = Math.min(size, length - at)
      this.#libc.sendto(fd, this.#arena.payloadPointer(i, at), bytes, os.MSG_DONTWAIT, name, loop.nameBytes)
    }
  }
}
