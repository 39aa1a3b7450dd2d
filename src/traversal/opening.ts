import type { Allowance } from '../core/allowance.ts'
import type { Datagram, Endpoint, Input, Machine, Step } from '../core/machine.ts'
import type { Random } from '../core/random.ts'

export const OPENING = {
  /**
   * What one round sends to one address at most. One packet opens our NAT for the 30 s and more that its mapping
   * lives; the others are there for loss: with 10 % of it, all five vanish once in 100,000 rounds.
   */
  packetsPerAddress: 5,
  /** What one round sends in all. */
  packetsInAll: 48,
  /** "Packets should be sent repeatedly in random intervals between 10 and 200 ms" (relay/DCUtR.md). */
  minIntervalMs: 10,
  maxIntervalMs: 200,
  /** How long a round lasts; go-libp2p gives its QUIC punches the same time. */
  windowMs: 5_000,
  /** Too short to provoke a stateless reset: one is 21 bytes at least, and shorter than its cause (RFC 9000 section 10.3). */
  minBytes: 9,
  maxBytes: 20
} as const

/**
 * What a host that does not answer gets from us, over all rounds, peers and ports: a host that is named in a CONNECT
 * need not be the one that named it.
 */
export const OPENING_ALLOWANCE = { burst: 10, refillMs: 5_000, maxKeys: 1_024 } as const

export interface OpeningInit {
  readonly targets: readonly Endpoint[]
  readonly random: Random
  /** Keyed by host, and shared by everything that sends opening packets. */
  readonly allowance: Allowance
}

export interface OpeningEvent {
  readonly type: 'finished'
  readonly packets: number
}

interface Target {
  readonly endpoint: Endpoint
  left: number
  dueMs: number
}

/**
 * The QUIC server's side of a punch: packets of random bytes that make our NAT let the client's packets in. It hears
 * nothing: what comes back is a QUIC handshake, which the listener answers, and then somebody cancels this machine.
 */
export class OpeningMachine implements Machine<OpeningEvent> {
  readonly #init: OpeningInit
  readonly #targets: Target[]
  #endMs = 0
  #packets = 0

  constructor(init: OpeningInit) {
    this.#init = init
    this.#targets = init.targets.map(endpoint => ({ endpoint, left: OPENING.packetsPerAddress, dueMs: 0 }))
  }

  step(nowMs: number, input: Input): Step<OpeningEvent> {
    switch (input.type) {
      case 'start':
        this.#endMs = nowMs + OPENING.windowMs
        return this.#send(nowMs)
      case 'tick':
        return this.#send(nowMs)
      case 'packet':
        return this.#rest()
      case 'cancel':
        return this.#finished([])
      default:
        return input satisfies never
    }
  }

  #send(nowMs: number): Step<OpeningEvent> {
    if (nowMs >= this.#endMs) return this.#finished([])
    const send: Datagram[] = []
    for (const target of this.#targets) {
      if (target.left === 0 || target.dueMs > nowMs) continue
      if (this.#packets >= OPENING.packetsInAll || !this.#init.allowance.take(target.endpoint.address, nowMs)) {
        target.left = 0
        continue
      }
      send.push({ bytes: openingBytes(this.#init.random), to: target.endpoint })
      this.#packets++
      target.left--
      target.dueMs = nowMs + this.#init.random.int(OPENING.minIntervalMs, OPENING.maxIntervalMs)
    }
    return this.#targets.some(target => target.left > 0) ? this.#rest(send) : this.#finished(send)
  }

  #rest(send: readonly Datagram[] = []): Step<OpeningEvent> {
    const dueMs = this.#targets.filter(target => target.left > 0).map(target => target.dueMs)
    return { send, wakeAtMs: Math.min(this.#endMs, ...dueMs) }
  }

  #finished(send: readonly Datagram[]): Step<OpeningEvent> {
    return { send, events: [{ type: 'finished', packets: this.#packets }], done: true }
  }
}

/**
 * Random bytes that nothing on that port takes for its own: a first byte of 4 to 15 is left free between STUN, DTLS and
 * QUIC (RFC 9443 section 2), so that every demultiplexer drops it, and the STUN magic cookie's place never holds one.
 */
function openingBytes(random: Random): Uint8Array {
  const bytes = random.bytes(random.int(OPENING.minBytes, OPENING.maxBytes))
  bytes[0] = random.int(4, 15)
  // the cookie begins with 0x21 (RFC 8489 section 5)
  if (bytes[4] === 0x21) bytes[4] = 0x22
  return bytes
}
