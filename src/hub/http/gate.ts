import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { sourceOf } from '../../core/ip.ts'
import { Connections } from './connections.ts'
import type { HttpLimits } from './limits.ts'
import { Refusal } from './problem.ts'
import type { TrustedProxies } from './source.ts'

/** Who may come in, before anything is done for them. */
export class HttpGate {
  readonly #limits: HttpLimits
  readonly #clock: Clock
  readonly #proxies: TrustedProxies
  readonly #connections: Connections
  readonly #requests: Allowance

  constructor(limits: HttpLimits, proxies: TrustedProxies, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#proxies = proxies
    this.#connections = new Connections(limits)
    this.#requests = new Allowance(limits.requests)
  }

  get connections(): number {
    return this.#connections.count
  }

  /** How many sources have used some of what they may do. */
  get sources(): number {
    return this.#requests.size
  }

  /** @returns a function that gives the connection's place back; undefined when there is none */
  enter(socket: Socket): (() => void) | undefined {
    const { remoteAddress } = socket
    // it was gone before it was accepted; of all others the address is known from now on, whatever becomes of them
    if (remoteAddress == null) return undefined
    return this.#connections.take(remoteAddress, this.#proxies.has(remoteAddress))
  }

  /** Counts a request. @returns why it is refused */
  refusal(request: IncomingMessage): Refusal | undefined {
    const { address } = this.#proxies.clientOf(request)
    if (!this.#requests.take(sourceOf(address), this.#clock.now())) {
      const retrySeconds = Math.max(1, Math.ceil(this.#limits.requests.refillMs / 1_000))
      const detail = `so many requests came from ${address}: wait for ${retrySeconds} s`
      return new Refusal('limit', { detail, headers: { 'retry-after': `${retrySeconds}` } })
    }
    // RFC 9112 section 3.2
    if (request.headers.host == null && request.httpVersion === '1.1')
      return new Refusal(400, { detail: 'there is no Host' })
    if (Number(request.headers['content-length'] ?? 0) > this.#limits.bodyBytes) {
      return new Refusal(413, { detail: `a body has ${this.#limits.bodyBytes} bytes at most` })
    }
    return undefined
  }
}
