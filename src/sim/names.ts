import { type Clock, sleep } from '../core/clock.ts'
import type { Family } from '../core/net.ts'
import { embedIpv4 } from './nat64.ts'
import { familyOf } from './nic.ts'

/** By which hosts find out whether they are behind a NAT64 (RFC 7050 section 2.2): it has IPv4 addresses only. */
const IPV4_ONLY = 'ipv4only.arpa'

/** The names of the network, and who asks through a DNS64. */
export class Names {
  readonly #clock: Clock
  readonly #addresses = new Map<string, readonly string[]>([[IPV4_ONLY, ['192.0.0.170', '192.0.0.171']]])
  readonly #behindDns64 = new Set<string>()
  #answerMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long name servers take to answer. @default 0 */
  set answerMs(ms: number) {
    this.#answerMs = ms
  }

  /** Gives a name its addresses of both families; none takes it away. */
  set(name: string, addresses: readonly string[]): void {
    this.#addresses.set(name.toLowerCase(), addresses)
  }

  /** From now on a host's questions for IPv6 addresses are answered from IPv4 ones where there are no others (RFC 6147). */
  useDns64(host: string): void {
    this.#behindDns64.add(host)
  }

  /** @throws the signal's reason */
  async resolve(host: string, name: string, family: Family, signal: AbortSignal): Promise<readonly string[]> {
    await sleep(this.#clock, this.#answerMs, signal)
    const all = this.#addresses.get(name.toLowerCase()) ?? []
    const found = all.filter(address => familyOf(address) === family)
    return found.length === 0 && family === 6 && this.#behindDns64.has(host) ? all.map(embedIpv4) : found
  }
}
