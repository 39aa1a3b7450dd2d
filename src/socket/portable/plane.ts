import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import { type Backend, Board } from '../board.ts'
import { STUN_COOKIE } from '../demux.ts'
import type { Flow } from '../flows.ts'
import type { PlaneEvent, PlaneReply } from '../plane.ts'

interface PublicSocket {
  readonly socket: Socket
  readonly v6: boolean
  id: number
}

/** The loopback side of one flow. */
interface Loop {
  readonly socket: Socket
  /** Connected to the engine's socket: before that, packets wait. */
  up: boolean
  connecting: boolean
  readonly early: Uint8Array[]
  readonly port: Promise<number>
  flow: Flow<Loop> | undefined
  remote: Endpoint | undefined
}

/** Packets that wait for a loopback socket to open: a client's first flight is one or two, a server's a handful. */
const MAX_EARLY = 32
const BUFFER_BYTES = 4 * 1024 * 1024

/** The data plane for every system that Node runs on: one Node dgram socket per public address and per flow. */
export class PortablePlane implements Backend<PublicSocket, Loop> {
  readonly board: Board<PublicSocket, Loop>

  constructor(post: (message: PlaneEvent | PlaneReply) => void) {
    this.board = new Board<PublicSocket, Loop>(this, post, () => performance.now())
  }

  bind(address: string, port: number, done: (result: { socket: PublicSocket; port: number } | NatError) => void): void {
    const v6 = isIPv6(address)
    const socket = createSocket({ type: v6 ? 'udp6' : 'udp4', ipv6Only: v6 })
    const entry: PublicSocket = { socket, v6, id: 0 }
    const onError = (error: NodeJS.ErrnoException) => {
      socket.close()
      done(
        error.code === 'EADDRINUSE'
          ? new NatError(
              'PORT_TAKEN',
              `UDP port ${port} on ${address} is taken: stop the program that has it, or choose another port`
            )
          : new NatError(
              'NO_NETWORK',
              `cannot listen on ${address} port ${port} (${error.code}): is it an address of this machine?`
            )
      )
    }
    socket.once('error', onError)
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', onError)
      socket.on('error', () => this.board.counts.droppedSend++)
      socket.setRecvBufferSize(BUFFER_BYTES)
      socket.setSendBufferSize(BUFFER_BYTES)
      done({ socket: entry, port: socket.address().port })
    })
    socket.on('message', (bytes, from) => this.#fromNetwork(entry, bytes, from))
  }

  opened(socket: PublicSocket, id: number): void {
    socket.id = id
  }

  unbind(socket: PublicSocket): void {
    socket.socket.close()
  }

  keyOf(remote: Endpoint): string {
    return `${remote.address} ${remote.port}`
  }

  openLoop(enginePort: number | undefined, remote: Endpoint | undefined): Loop {
    const socket = createSocket('udp4')
    const bound = Promise.withResolvers<number>()
    const loop: Loop = { socket, up: false, connecting: false, early: [], port: bound.promise, flow: undefined, remote }
    // a loopback socket reports ECONNREFUSED when the engine has closed its own: the flow goes by its own rules
    socket.on('error', () => this.board.counts.droppedSend++)
    socket.on('message', (bytes, from) => {
      if (!loop.up && !loop.connecting) this.#connect(loop, from.port)
      this.#fromEngine(loop, bytes)
    })
    socket.bind(0, '127.0.0.1', () => {
      socket.setRecvBufferSize(BUFFER_BYTES)
      socket.setSendBufferSize(BUFFER_BYTES)
      bound.resolve(socket.address().port)
      if (enginePort != null) this.#connect(loop, enginePort)
    })
    return loop
  }

  assigned(loop: Loop, flow: Flow<Loop>): void {
    loop.flow = flow
  }

  whenOpen(loop: Loop, done: (port: number) => void): void {
    void loop.port.then(port => {
      if (loop.flow != null) done(port)
    })
  }

  aim(loop: Loop, remote: Endpoint | undefined): void {
    loop.remote = remote
  }

  closeLoop(loop: Loop): void {
    loop.flow = undefined
    loop.early.length = 0
    // closing before the bind has ended would throw in its callback
    void loop.port.then(() => loop.socket.close())
  }

  send(socket: PublicSocket, to: Endpoint, bytes: Uint8Array): void {
    if (isIPv6(to.address) === socket.v6) socket.socket.send(bytes, to.port, to.address, this.#sent)
  }

  deliver(loop: Loop, bytes: Uint8Array): void {
    if (loop.up) loop.socket.send(bytes, this.#sent)
    else if (loop.early.length < MAX_EARLY) loop.early.push(bytes)
    else this.board.counts.droppedEarly++
  }

  readonly #sent = (error: Error | null) => {
    if (error != null) this.board.counts.droppedSend++
  }

  #connect(loop: Loop, enginePort: number): void {
    loop.connecting = true
    loop.socket.connect(enginePort, '127.0.0.1', () => {
      if (loop.flow == null) return
      loop.up = true
      for (const bytes of loop.early.splice(0)) loop.socket.send(bytes, this.#sent)
    })
  }

  #fromEngine(loop: Loop, bytes: Buffer): void {
    const flow = loop.flow
    if (flow == null) return
    this.board.sent(flow, bytes)
    if (flow.path.kind === 'pipe') {
      this.board.toPipe(flow.path.pipe, bytes)
      return
    }
    const socket = this.board.publicSocket(flow.path.socket)
    socket?.socket.send(bytes, flow.path.remote.port, flow.path.remote.address, this.#sent)
  }

  #fromNetwork(socket: PublicSocket, bytes: Buffer, from: RemoteInfo): void {
    const key = this.keyOf(from)
    const short = bytes[0]! < 0x80 && (bytes[0]! >= 0x40 || bytes.length < 8 || bytes.readUInt32BE(4) !== STUN_COOKIE)
    const only = short ? this.board.flows.only(socket.id, key) : undefined
    if (only != null) {
      this.board.received(only)
      this.deliver(only.handle, bytes)
      return
    }
    for (const flow of this.board.route(socket.id, key, bytes, () => ({ address: from.address, port: from.port }))) {
      this.board.received(flow)
      this.deliver(flow.handle, bytes)
    }
  }
}
