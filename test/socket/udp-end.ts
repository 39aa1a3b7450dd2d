import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { TestContext } from 'node:test'
import { realClock } from '../../src/core/clock.ts'
import { withDeadline } from '../../src/core/deadline.ts'
import type { Endpoint } from '../../src/core/machine.ts'

export interface Datagram {
  readonly bytes: Buffer
  readonly from: Endpoint
}

const DEADLINE_MS = 10_000
const BUFFER_BYTES = 4 * 1024 * 1024

/** A plain UDP socket on loopback that stands for a remote peer, or for the engine. */
export class UdpEnd {
  readonly endpoint: Endpoint
  readonly #socket: Socket
  readonly #arrived: Datagram[] = []
  #wake = () => {}
  #listener: ((datagram: Datagram) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    this.endpoint = { address: socket.address().address, port: socket.address().port }
    socket.on('message', (bytes, { address, port }) => {
      const datagram = { bytes, from: { address, port } }
      if (this.#listener != null) this.#listener(datagram)
      else this.#arrived.push(datagram)
      this.#wake()
    })
  }

  static async open(t: Pick<TestContext, 'after'>, address = '127.0.0.1'): Promise<UdpEnd> {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: BUFFER_BYTES })
    socket.bind(0, address)
    await once(socket, 'listening')
    t.after(() => socket.close())
    return new UdpEnd(socket)
  }

  send(bytes: Uint8Array, port: number): void {
    this.#socket.send(bytes, port, this.endpoint.address)
  }

  /** The next datagram, in the order of arrival. @throws NatError TIMEOUT */
  async next(): Promise<Datagram> {
    return withDeadline(
      realClock,
      DEADLINE_MS,
      `the next datagram to port ${this.endpoint.port}`,
      undefined,
      async () => {
        for (;;) {
          const first = this.#arrived.shift()
          if (first != null) return first
          await new Promise<void>(resolve => {
            this.#wake = resolve
          })
        }
      }
    )
  }

  /** From now on, every datagram goes to this listener, and none is kept for `next`. */
  each(listener: (datagram: Datagram) => void): void {
    this.#listener = listener
  }

  /** The next so many. */
  async take(count: number): Promise<Datagram[]> {
    const taken: Datagram[] = []
    while (taken.length < count) taken.push(await this.next())
    return taken
  }
}
