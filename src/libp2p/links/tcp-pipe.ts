import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../../core/machine.ts'
import { endpointText } from '../../nat/report.ts'
import type { TcpRole } from '../../wire/tcp-proof.ts'
import { reset } from '../tcp/reset.ts'
import { MAX_QUEUED_BYTES, type Pipe } from './pipe.ts'

/**
 * What was sent last, mostly the engine's goodbye, has so long to get there: some round trips. One side goes first, and its reset closes the other's
 * socket: two resets that cross would shut both NATs for ten seconds (tcp/simultaneous.ts).
 */
const LINGER_MS = { server: 500, client: 1_000 } as const

/** A pipe over a TCP connection that has proven itself (tcp/raw-punch.ts). */
export class TcpPipe implements Pipe {
  readonly kind = 'tcp'
  readonly transport = 'tcp'
  readonly remote: string
  readonly #socket: Socket
  #error: Error | undefined
  readonly #clock: Clock
  readonly #lingerMs: number
  #closed = false

  /** @param role who we are on the link */
  constructor(socket: Socket, remote: Endpoint, clock: Clock, role: TcpRole) {
    this.remote = endpointText(remote)
    this.#socket = socket
    this.#lingerMs = LINGER_MS[role]
    this.#clock = clock
    // what waits to be sent together is one packet's worth of frames already; and who keeps the link alive is its path agent
    socket.setNoDelay(true)
    socket.setKeepAlive(false)
    socket.on('error', error => {
      this.#error = error
    })
  }

  send(frames: Uint8Array): void {
    // the newest are dropped, and whole: the other side could not read a frame that is not
    if (this.#closed || !this.#socket.writable) return
    if (this.#socket.writableLength + frames.length <= MAX_QUEUED_BYTES) this.#socket.write(frames)
  }

  start(onData: (bytes: Uint8Array) => void, onClose: (reason: string) => void): void {
    const over = () => {
      if (this.#closed) return
      this.#closed = true
      onClose(this.#error?.message ?? 'the other side ended the TCP connection')
    }
    if (this.#socket.closed) queueMicrotask(over)
    else this.#socket.once('close', over)
    this.#socket.on('data', bytes => {
      if (!this.#closed) onData(bytes)
    })
    this.#socket.resume()
  }

  close(): void {
    if (this.#closed || this.#socket.destroyed) return
    this.#closed = true
    // a paused socket would not see that the other side has closed first
    this.#socket.resume()
    // not by a FIN: it would keep our port from going to that address for as long as TIME_WAIT lasts
    const timer = this.#clock.after(this.#lingerMs, () => reset(this.#socket))
    this.#socket.once('close', () => timer.cancel())
  }
}
