import { NatError } from '../../core/errors.ts'
import { HEADER_BYTES, MAGIC_COOKIE } from './registry.ts'

/** Largest message taken from a stream: a binding request or its answer has 200 bytes. */
const MAX_STREAM_MESSAGE_BYTES = 4_096

/**
 * Cuts a stream into STUN messages (RFC 8489 section 6.2.2): each one's header says how long it is. What a stream begins
 * with is judged as soon as it is there, so that a peer that speaks something else is not waited for.
 */
export class StunFrames {
  readonly #maxBytes: number
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(maxBytes: number = MAX_STREAM_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** How many bytes of an unfinished message are held. */
  get pending(): number {
    return this.#bytes.length
  }

  /** Takes what has arrived. @returns the messages that it completes @throws NatError MALFORMED when it is no STUN */
  push(bytes: Uint8Array): Uint8Array[] {
    let rest: Uint8Array = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
    const messages: Uint8Array[] = []
    while (rest.length > 0) {
      const length = this.#lengthOf(rest)
      if (length == null || length > rest.length) break
      messages.push(new Uint8Array(rest.subarray(0, length)))
      rest = rest.subarray(length)
    }
    this.#bytes = new Uint8Array(rest)
    return messages
  }

  #lengthOf(bytes: Uint8Array): number | undefined {
    if (bytes[0]! > 0x3f) throw malformed('the first two bits are not clear')
    if (bytes.length < 4) return undefined
    const length = HEADER_BYTES + ((bytes[2]! << 8) | bytes[3]!)
    if (length % 4 !== 0) throw malformed(`a length of ${length - HEADER_BYTES}`)
    if (length > this.#maxBytes) throw malformed(`a message of ${length} bytes, and ${this.#maxBytes} are the most`)
    if (bytes.length < 8) return undefined
    if (new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(4) !== MAGIC_COOKIE) {
      throw malformed('no magic cookie')
    }
    return length
  }
}

function malformed(what: string): NatError {
  return new NatError('MALFORMED', `STUN over a stream: ${what}`)
}
