import { drive, type Endpoint, type Input, type Machine, type Step } from '../core/machine.ts'
import type { UdpSocket } from '../core/net.ts'
import { decodeStun, encodeStun } from '../wire/stun/index.ts'
import type { Asker } from './ask.ts'

/** A socket, and where servers see it. */
export interface Mapped {
  readonly socket: UdpSocket
  readonly public: Endpoint
}

export interface HairpinInit {
  /** The public endpoint of the other socket. */
  readonly to: Endpoint
  /** What goes there. */
  readonly bytes: Uint8Array
  /** Transaction id of what the other socket sends. Nobody outside knows it, so it does not matter whom it comes from. */
  readonly expected: Uint8Array
  readonly waitMs: number
}

/**
 * One half of a hairpin test (RFC 5780 section 4.5): sends to the other socket's public endpoint, twice, and hears whether the other's
 * packet arrives. Both halves send, so that neither is filtered out for want of an outgoing packet.
 */
export class Hairpin implements Machine<'arrived'> {
  readonly #init: HairpinInit
  #againAtMs = 0
  #endAtMs = 0
  #sends = 0

  constructor(init: HairpinInit) {
    this.#init = init
  }

  step(nowMs: number, input: Input): Step<'arrived'> {
    switch (input.type) {
      case 'start':
        this.#againAtMs = nowMs + this.#init.waitMs / 2
        this.#endAtMs = nowMs + this.#init.waitMs
        return this.#send()
      case 'tick':
        if (nowMs >= this.#endAtMs) return { done: true }
        return this.#sends === 1 && nowMs >= this.#againAtMs ? this.#send() : { wakeAtMs: this.#nextAtMs }
      case 'packet':
        return this.#isExpected(input.bytes) ? { events: ['arrived'], done: true } : { wakeAtMs: this.#nextAtMs }
      case 'cancel':
        return { done: true }
      default:
        return input satisfies never
    }
  }

  get #nextAtMs(): number {
    return this.#sends === 1 ? this.#againAtMs : this.#endAtMs
  }

  #send(): Step<'arrived'> {
    this.#sends++
    const { bytes, to } = this.#init
    return { send: [{ bytes, to }], wakeAtMs: this.#nextAtMs }
  }

  #isExpected(bytes: Uint8Array): boolean {
    const { expected } = this.#init
    return bytes.length >= 20 && expected.every((byte, index) => bytes[8 + index] === byte)
  }
}

/** Whether packets between two sockets of ours find their way by the public endpoints. False also when the signal aborts. */
export async function hairpins(
  { clock, random }: Asker,
  a: Mapped,
  b: Mapped,
  waitMs: number,
  signal: AbortSignal
): Promise<boolean> {
  const [fromA, fromB] = [indication(random.bytes(12)), indication(random.bytes(12))]
  let arrived = false
  const done = new AbortController()
  const half = (self: Mapped, other: Mapped, bytes: Uint8Array, expected: Uint8Array) =>
    drive(
      new Hairpin({ to: other.public, bytes, expected, waitMs }),
      self.socket,
      clock,
      () => {
        arrived = true
        done.abort()
      },
      AbortSignal.any([signal, done.signal])
    )
  const halves = [
    half(a, b, fromA, decodeStun(fromB).transactionId),
    half(b, a, fromB, decodeStun(fromA).transactionId)
  ]
  await Promise.all(halves.map(({ ended }) => ended))
  return arrived
}

/** Asks for nothing: should the endpoint be somebody else's, nobody answers. */
function indication(transactionId: Uint8Array): Uint8Array {
  return encodeStun({ class: 'indication', method: 'binding', transactionId, attributes: [] }, { fingerprint: true })
}
