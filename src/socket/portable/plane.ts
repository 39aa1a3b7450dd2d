import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Backend } from '../backend.ts'
import { bindError, exhausted } from '../bind-error.ts'
import { Board } from '../board.ts'
import { longHeader, STUN_COOKIE } from '../demux.ts'
import type { Flow, FlowLimits } from '../flow.ts'
import type { PlaneEvent } from '../plane.ts'
import { addressed } from '../route.ts'
import { isSilent, keepUnheard } from '../unheard.ts'

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
  readonly port: Promise<number | NatError>
  flow: Flow<Loop> | undefined
}

/** Packets that wait for a loopback socket to open: a client's first flight is one or two, a server's a handful. */
const MAX_EARLY = 32
const BUFFER_BYTES = 4 * 1024 * 1024

/** The data plane for every system that Node runs on: one Node dgram socket per public address and per flow. */
export class PortablePlane implements Backend<PublicSocket, Loop> {
  readonly board: Board<PublicSocket, Loop>
  #writing = false

  constructor(post: (event: PlaneEvent) => void, limits?: FlowLimits) {
    this.board = new Board<PublicSocket, Loop>(this, post, () => performance.now(), limits)
  }

  bind(address: string, port: number, done: (result: { socket: PublicSocket; port: number } | NatError) => void): void {
    const v6 = isIPv6(address)
    const socket = createSocket({ type: v6 ? 'udp6' : 'udp4', ipv6Only: v6 })
    const entry: PublicSocket = { socket, v6, id: 0 }
    const onError = (error: NodeJS.ErrnoException) => {
      socket.close()
      done(bindError(address, port, error.code ?? error.message))
    }
    socket.once('error', onError)
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', onError)
      socket.on('error', () => this.board.counts.droppedSend++)
      enlargeBuffers(socket)
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

  openLoop(enginePort: number | undefined): Loop {
    const socket = createSocket('udp4')
    const port = Promise.withResolvers<number | NatError>()
    const loop: Loop = { socket, up: false, connecting: false, early: [], port: port.promise, flow: undefined }
    const onError = (error: NodeJS.ErrnoException) => port.resolve(exhausted(error.code ?? error.message))
    socket.once('error', onError)
    socket.on('message', (bytes, from) => {
      if (!loop.up && !loop.connecting) {
        // the client's port is known from its first packet only; from then on nobody else on this machine is heard
        if (longHeader(bytes)?.opensConnection !== true) return
        this.#connect(loop, from.port)
      }
      this.#fromEngine(loop, bytes)
    })
    socket.bind(0, '127.0.0.1', () => {
      socket.off('error', onError)
      // a loopback socket reports ECONNREFUSED when the engine has closed its own: the flow goes by its own rules
      socket.on('error', () => this.board.counts.droppedSend++)
      enlargeBuffers(socket)
      port.resolve(socket.address().port)
      if (enginePort != null && loop.flow != null) this.#connect(loop, enginePort)
    })
    return loop
  }

  assigned(loop: Loop, flow: Flow<Loop>): void {
    loop.flow = flow
  }

  whenOpen(loop: Loop, done: (result: number | NatError) => void): void {
    void loop.port.then(result =>
      done(loop.flow == null ? new NatError('LINK_CLOSED', 'the path was closed while it was being opened') : result)
    )
  }

  aim(): void {
    // the address is read off the flow's path with each packet
  }

  closeLoop(loop: Loop): void {
    loop.flow = undefined
    loop.early.length = 0
    // closing before the bind has ended would throw in its callback
    void loop.port.then(() => loop.socket.close())
  }

  send(socket: PublicSocket, to: Endpoint, bytes: Uint8Array): void {
    if (isIPv6(to.address) === socket.v6) socket.socket.send(bytes, to.port, to.address, this.#sent)
    else this.board.counts.droppedSend++
  }

  deliver(loop: Loop, bytes: Uint8Array): void {
    if (loop.up) loop.socket.send(bytes, this.#sent)
    else if (loop.early.length < MAX_EARLY) loop.early.push(bytes)
    else this.board.counts.droppedEarly++
  }

  deliverAll(loop: Loop, datagrams: readonly Uint8Array[]): void {
    for (const bytes of datagrams) this.deliver(loop, bytes)
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
    flow.sent++
    this.board.sent(flow, bytes)
    if (isSilent(flow, flow.lastOutMs)) keepUnheard(flow, bytes)
    this.board.send(flow, bytes)
    if (flow.path.kind === 'pipe' || flow.also?.kind === 'pipe') this.#writePipes()
  }

  /** When everything else that has arrived was looked at, too. */
  #writePipes(): void {
    if (this.#writing) return
    this.#writing = true
    setImmediate(() => {
      this.#writing = false
      this.board.pipes.flush()
    })
  }

  #fromNetwork(socket: PublicSocket, bytes: Buffer, from: RemoteInfo): void {
    const key = this.keyOf(from)
    const short = bytes[0]! < 0x80 && (bytes[0]! >= 0x40 || bytes.length < 8 || bytes.readUInt32BE(4) !== STUN_COOKIE)
    const entry = short ? addressed(this.board.flows.at(socket.id, key), bytes) : undefined
    if (entry != null) {
      this.board.received(entry, bytes)
      this.deliverAll(entry.flow.handle, this.board.inTurn(entry.flow, bytes))
      return
    }
    for (const each of this.board.route(socket.id, key, bytes, () => ({ address: from.address, port: from.port }))) {
      this.board.received(each, bytes)
      this.deliver(each.flow.handle, bytes)
    }
  }
}

/** Bursts must not be lost while this thread is busy with another peer. Some systems refuse more than they allow. */
function enlargeBuffers(socket: Socket): void {
  for (let bytes = BUFFER_BYTES; bytes >= BUFFER_BYTES / 16; bytes /= 2) {
    try {
      socket.setRecvBufferSize(bytes)
      socket.setSendBufferSize(bytes)
      return
    } catch {
      // half of it, then
    }
  }
}
