import { NatError } from '../core/errors.ts'
import type { Backend } from './backend.ts'
import type { SocketId } from './path.ts'
import type { Bound } from './plane.ts'

interface OpenSocket<Public> {
  readonly socket: Public
  enginePort: number | null
}

/** Those of listeners, and those of techniques that open them by the hundred (traversal/link/budget.ts). */
const MAX_PUBLIC_SOCKETS = 64 + 512

/** The sockets of one switch that the network sees, and who of the engine takes the connections that come in by them. */
export class PublicSockets<Public> {
  readonly #backend: Pick<Backend<Public, unknown>, 'bind' | 'opened' | 'unbind'>
  readonly #open = new Map<SocketId, OpenSocket<Public>>()
  #nextId = 1
  #closed = false

  constructor(backend: Pick<Backend<Public, unknown>, 'bind' | 'opened' | 'unbind'>) {
    this.#backend = backend
  }

  get(id: SocketId): Public | undefined {
    return this.#open.get(id)?.socket
  }

  /** The loopback port of the engine's server, when connections are taken by this socket. */
  enginePort(id: SocketId): number | undefined {
    return this.#open.get(id)?.enginePort ?? undefined
  }

  bind(address: string, port: number, done: (result: Bound | NatError) => void): void {
    if (this.#open.size >= MAX_PUBLIC_SOCKETS) {
      done(new NatError('LIMIT', `${MAX_PUBLIC_SOCKETS} sockets are open already: close a listener first`))
      return
    }
    this.#backend.bind(address, port, result => {
      if (result instanceof NatError) done(result)
      else if (this.#closed) {
        this.#backend.unbind(result.socket)
        done(new NatError('LINK_CLOSED', 'the packet switch is closed'))
      } else {
        const id = this.#nextId++
        this.#open.set(id, { socket: result.socket, enginePort: null })
        this.#backend.opened(result.socket, id)
        done({ socket: id, port: result.port })
      }
    })
  }

  listen(id: SocketId, enginePort: number | null): void {
    const open = this.#open.get(id)
    if (open != null) open.enginePort = enginePort
  }

  unbind(id: SocketId): void {
    const open = this.#open.get(id)
    if (open != null && this.#open.delete(id)) this.#backend.unbind(open.socket)
  }

  close(): void {
    this.#closed = true
    for (const id of this.#open.keys()) this.unbind(id)
  }
}
