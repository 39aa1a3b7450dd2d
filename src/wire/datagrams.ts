import { NatError } from '../core/errors.ts'

/** Datagrams on a stream: each behind its length, two bytes, big-endian. */

/** A whole Ethernet frame's worth: more than any QUIC packet or STUN check of ours has. */
export const MAX_DATAGRAM_BYTES = 1_500
/** What a frame has before its datagram. */
export const FRAME_HEAD_BYTES = 2

/** One datagram as a frame. @throws NatError MALFORMED when it is empty or too long */
export function frame(datagram: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + datagram.length)
  frameInto(bytes, 0, datagram)
  return bytes
}

/** Writes one datagram as a frame. @returns where the next one begins. @throws NatError MALFORMED when it is empty or too long */
export function frameInto(target: Uint8Array, at: number, datagram: Uint8Array): number {
  const length = checked(datagram.length)
  target[at] = length >>> 8
  target[at + 1] = length & 0xff
  target.set(datagram, at + FRAME_HEAD_BYTES)
  return at + FRAME_HEAD_BYTES + length
}

/** Takes the datagrams out of a stream, however it is cut. It holds one frame at most: what is not whole yet. */
export class DatagramReader {
  readonly #frame = new Uint8Array(FRAME_HEAD_BYTES + MAX_DATAGRAM_BYTES)
  #length = 0

  /** The bytes of a frame that is not whole yet, its length among them: whoever else goes on reading begins with these. */
  get held(): Uint8Array {
    return this.#frame.slice(0, this.#length)
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @returns the datagrams that are whole now. Most are views of `chunk`: they hold as long as that does
   * @throws NatError MALFORMED: the stream cannot be read any further
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const whole: Uint8Array[] = []
    for (let at = 0; at < chunk.length; ) {
      const left = chunk.length - at
      const end = this.#length > 0 || left < FRAME_HEAD_BYTES ? Number.POSITIVE_INFINITY : frameEnd(chunk, at)
      if (end <= chunk.length) {
        whole.push(chunk.subarray(at + FRAME_HEAD_BYTES, end))
        at = end
        continue
      }
      at += this.#hold(chunk.subarray(at))
      if (this.#length === this.#wanted) {
        whole.push(this.#frame.slice(FRAME_HEAD_BYTES, this.#length))
        this.#length = 0
      }
    }
    return whole
  }

  /** How long what is held has to become: a frame's head first, then all of it. */
  get #wanted(): number {
    return this.#length < FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES : frameEnd(this.#frame, 0)
  }

  /** Completes the frame's head, and the frame, out of these bytes. @returns how many of them it took */
  #hold(bytes: Uint8Array): number {
    let taken = 0
    while (taken < bytes.length && this.#length < this.#wanted) {
      const part = bytes.subarray(taken, taken + this.#wanted - this.#length)
      this.#frame.set(part, this.#length)
      this.#length += part.length
      taken += part.length
    }
    return taken
  }
}

function frameEnd(bytes: Uint8Array, at: number): number {
  return at + FRAME_HEAD_BYTES + checked(bytes[at]! * 256 + bytes[at + 1]!)
}

function checked(length: number): number {
  if (length > 0 && length <= MAX_DATAGRAM_BYTES) return length
  throw new NatError('MALFORMED', `a datagram of ${length} bytes: it has 1 to ${MAX_DATAGRAM_BYTES}`)
}
