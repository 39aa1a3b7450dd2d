import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Endpoint } from '../../../src/core/machine.ts'
import { quicEndpoint, quicMultiaddr } from '../../../src/libp2p/quic/address.ts'

/**
 * What stands before a node. `natted`: packets come in from where the node has sent some (the mapping is
 * endpoint-independent, the filter address-and-port-dependent). `public`: all packets come in. `silent`: those of relays
 * only. `relay`: a public host that even the silent talk to.
 */
export type Door = 'natted' | 'public' | 'silent' | 'relay'

/** A packet that the node behind a door sent to another one. */
interface Sent {
  readonly to: Nat
  readonly bytes: number
  /** One of those random ones that only open a NAT: no QUIC packet is so short. */
  readonly opening: boolean
}

const LONGEST_OPENING = 20

/** By the port on which the node behind the NAT listens, by which its packets are told. */
const inside = new Map<number, Nat>()
let hosts = 1

/**
 * A NAT in front of one node, on loopback: a socket on an address of its own, which is the node's public one. Nodes send
 * to each other's public addresses from their true sockets; each NAT translates the source, and lets in what its door
 * allows. So real QUIC goes through real filters, and needs neither a second machine nor privileges.
 */
export class Nat implements AsyncDisposable {
  door: Door
  readonly endpoint: Endpoint
  readonly sent: Sent[] = []
  /** Dials that the node's transport was asked for, whatever became of them. */
  readonly dials: Array<{ readonly to: Multiaddr; readonly punch: boolean }> = []
  readonly #socket: Socket
  readonly #contacted = new Set<Nat>()
  #insidePort: number | undefined

  private constructor(door: Door, socket: Socket) {
    this.door = door
    this.#socket = socket
    this.endpoint = socket.address()
    socket.on('message', (bytes, { port }) => {
      const from = inside.get(port)
      if (from != null) from.#translate(bytes, this)
    })
  }

  static async open(door: Door): Promise<Nat> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1_048_576 }).unref()
    // 127.0.0.1 is an interface's address, so a node that is seen there knows that no NAT stands before it; the rest of
    // 127.0.0.0/8 is reached too (on Linux) and is no interface's
    socket.bind(0, door === 'public' ? '127.0.0.1' : `127.0.${(++hosts >> 8) & 255}.${hosts & 255}`)
    await once(socket, 'listening')
    return new Nat(door, socket)
  }

  get address(): Multiaddr {
    return quicMultiaddr(this.endpoint)
  }

  get openings(): number {
    return this.sent.filter(({ opening }) => opening).length
  }

  /** @param listening  where the node behind it listens */
  protect(listening: Multiaddr): void {
    this.#insidePort = quicEndpoint(listening).port
    inside.set(this.#insidePort, this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#insidePort != null) inside.delete(this.#insidePort)
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  /** A packet of the node behind us has come to another NAT. */
  #translate(bytes: Uint8Array, to: Nat): void {
    this.#contacted.add(to)
    this.sent.push({ to, bytes: bytes.length, opening: bytes.length <= LONGEST_OPENING })
    if (to.#insidePort != null && to.#letsIn(this)) this.#socket.send(bytes, to.#insidePort, '127.0.0.1')
  }

  #letsIn(from: Nat): boolean {
    switch (this.door) {
      case 'public':
      case 'relay':
        return true
      case 'natted':
        return this.#contacted.has(from)
      case 'silent':
        return from.door === 'relay'
      default:
        return this.door satisfies never
    }
  }
}

/** Whether the address is one behind a NAT, which nobody outside can reach. */
export function isInside(address: Multiaddr): boolean {
  const { address: host, port } = quicEndpoint(address)
  return host === '127.0.0.1' && inside.has(port)
}
