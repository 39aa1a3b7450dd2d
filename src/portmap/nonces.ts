import type { Random } from '../core/random.ts'
import { PCP_NONCE_BYTES } from '../wire/pcp/codes.ts'
import type { Wanted } from './mapping.ts'

/** Each network that a machine comes to has a router of its own. */
const MAX_NONCES = 256

/**
 * What PCP mappings are known by, one for each router (RFC 6887 section 11.2). They outlive the network: whoever comes back to
 * it with another nonce is refused what is his own, until that has run out.
 */
export class Nonces {
  readonly #random: Random
  readonly #byMapping = new Map<string, Uint8Array>()

  constructor(random: Random) {
    this.#random = random
  }

  of(gateway: string, { protocol, internalPort }: Wanted): Uint8Array {
    const key = `${gateway} ${protocol} ${internalPort}`
    const nonce = this.#byMapping.get(key) ?? this.#random.bytes(PCP_NONCE_BYTES)
    // the least recently used goes first
    this.#byMapping.delete(key)
    this.#byMapping.set(key, nonce)
    const [oldest] = this.#byMapping.keys()
    if (this.#byMapping.size > MAX_NONCES) this.#byMapping.delete(oldest!)
    return nonce
  }
}
