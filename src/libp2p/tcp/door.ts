import type { Socket } from 'node:net'
import type { MultiaddrConnection } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { decodeTcpHello, TCP_HELLO_FIRST_BYTE, TCP_HELLO_FRAME_BYTES } from '../../wire/tcp-proof.ts'
import { readExactly } from './read.ts'

export const DOOR = {
  /** How long an inbound connection may be silent before it is libp2p's, as it would be without us: a round trip, and a loss. */
  patienceMs: 1_500,
  /** Connections that are looked at at once; further ones are libp2p's, which has a bound of its own. */
  maxWaiting: 64
} as const

type Take = (socket: Socket) => void

/** Tells the connections of links from those of libp2p, as they come in by a listener. */
export class Door {
  readonly #clock: Clock
  readonly #expected = new Map<string, Take>()
  #waiting = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Waits for a connection that says that it is that link's; it is not proven yet.
   *
   * @returns a function that ends the wait
   */
  expect(link: string, take: Take): () => void {
    this.#expected.set(link, take)
    return () => {
      if (this.#expected.get(link) === take) this.#expected.delete(link)
    }
  }

  /** @returns whether the connection was a link's, and is none of libp2p's; nothing is taken off the others */
  async admits(connection: MultiaddrConnection): Promise<boolean> {
    const { socket } = connection as { readonly socket?: Socket }
    if (this.#expected.size === 0 || this.#waiting >= DOOR.maxWaiting || socket == null) return false
    const listeners = socket.listeners('data') as ((bytes: Buffer) => void)[]
    socket.pause()
    // one by one: after removeAllListeners a stream still believes that it flows
    for (const listener of listeners) socket.off('data', listener)
    this.#waiting++
    try {
      const take = await this.#whose(socket)
      if (take != null) {
        // js-libp2p ends what is silent for two minutes
        socket.setTimeout(0)
        take(socket)
        return true
      }
    } finally {
      this.#waiting--
    }
    for (const listener of listeners) socket.on('data', listener)
    socket.resume()
    return false
  }

  async #whose(socket: Socket): Promise<Take | undefined> {
    const look = async (signal: AbortSignal) => {
      // libp2p's first message may be shorter than ours, and wait for an answer
      const [first] = await peek(socket, 1, signal)
      if (first !== TCP_HELLO_FIRST_BYTE) return undefined
      const { link } = decodeTcpHello(await peek(socket, TCP_HELLO_FRAME_BYTES, signal))
      return this.#expected.get(Buffer.from(link).toString('hex'))
    }
    // who is silent, gone or unreadable is not ours
    return await withDeadline(this.#clock, DOOR.patienceMs, 'first bytes', undefined, look).catch(() => undefined)
  }
}

async function peek(socket: Socket, length: number, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = await readExactly(socket, length, signal)
  socket.unshift(bytes)
  return bytes
}
