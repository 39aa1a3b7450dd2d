import type { Stream } from '@libp2p/interface'
import { type ByteStream, byteStream } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { NatError } from '../core/errors.ts'
import type { Codec } from '../wire/protobuf.ts'

/**
 * The longest message, its length prefix excluded, of a protocol that does not say otherwise: what go-libp2p and
 * rust-libp2p accept of DCUtR and of circuit relay. No protocol here needs a prefix of three bytes.
 */
export const MAX_FRAME_BYTES = 4 * 1024

/** What may come unread behind a message: the first flight of a relayed handshake, which is a kilobyte. */
const MAX_UNREAD_BYTES = 64 * 1024

/** Takes what it expects off the front of what came in; tells whether it has it all; throws when it is something else. */
export type Step = (list: Uint8ArrayList) => boolean

/**
 * Does the steps that what came in is enough for, and takes them off the front.
 *
 * @returns whether none is left
 * @throws what a step throws, which then stays
 */
export function takeSteps(steps: Step[], list: Uint8ArrayList): boolean {
  for (let step = steps[0]; step != null; step = steps[0]) {
    if (!step(list)) return false
    steps.shift()
  }
  return true
}

/** A body behind its length as an unsigned varint. */
export function encodeFrame(body: Uint8Array): Uint8Array {
  const { length } = body
  const prefix = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7]
  return Buffer.concat([Uint8Array.from(prefix), body])
}

/**
 * Takes the next frame's body off the list; undefined while it is not all there.
 *
 * @throws NatError MALFORMED when it claims to be longer than the limit
 */
export function takeFrame(list: Uint8ArrayList, what: string, maxBytes = MAX_FRAME_BYTES): Uint8Array | undefined {
  if (list.byteLength === 0) return undefined
  const first = list.get(0)
  if (first >= 0x80 && list.byteLength < 2) return undefined
  const [length, prefixBytes] = first < 0x80 ? [first, 1] : [frameLength(first, list.get(1), what, maxBytes), 2]
  if (length > maxBytes) throw tooLong(what, String(length), maxBytes)
  if (list.byteLength < prefixBytes + length) return undefined
  const body = list.slice(prefixBytes, prefixBytes + length)
  list.consume(prefixBytes + length)
  return body
}

/** Messages of one kind over a stream, each in a frame. */
export class Frames<T extends object> {
  readonly stream: Stream
  readonly #codec: Codec<T>
  readonly #what: string
  readonly #bytes: ByteStream<Stream>
  readonly #maxBytes: number

  /**
   * @param what the messages' name, for errors
   * @param maxBytes of a message that comes in; 16,383 at most
   */
  constructor(stream: Stream, codec: Codec<T>, what: string, maxBytes = MAX_FRAME_BYTES) {
    this.stream = stream
    this.#codec = codec
    this.#what = what
    this.#maxBytes = maxBytes
    // what else comes with a message is kept for whoever has the stream next
    this.#bytes = byteStream(stream, { maxBufferSize: MAX_UNREAD_BYTES })
  }

  /**
   * @throws NatError MALFORMED for a message that is too long, cut off or cannot be read; LINK_CLOSED when the other
   *   side hung up between two messages; what the stream throws
   */
  async read(signal: AbortSignal): Promise<T> {
    const [first] = await this.#take(1, signal, 'between messages')
    let length = first!
    if (length >= 0x80) {
      const [second] = await this.#take(1, signal, 'in a message')
      length = frameLength(length, second!, this.#what, this.#maxBytes)
    }
    if (length > this.#maxBytes) throw tooLong(this.#what, String(length), this.#maxBytes)
    return this.#codec.decode(length === 0 ? new Uint8Array(0) : await this.#take(length, signal, 'in a message'))
  }

  send(message: T): void {
    this.stream.send(encodeFrame(this.#codec.encode(message)))
  }

  /** Gives the stream back, with what came after the last message still to be read. */
  unwrap(): Stream {
    return this.#bytes.unwrap()
  }

  async #take(bytes: number, signal: AbortSignal, where: 'between messages' | 'in a message'): Promise<Uint8Array> {
    try {
      return (await this.#bytes.read({ bytes, signal })).subarray()
    } catch (cause) {
      if ((cause as Error).name === 'StreamBufferError') {
        throw new NatError('MALFORMED', `more came on the ${this.#what} stream than any message holds`, { cause })
      }
      if ((cause as Error).name !== 'UnexpectedEOFError' || this.stream.status === 'reset') throw cause
      throw where === 'in a message'
        ? new NatError('MALFORMED', `the ${this.#what} stream ended in the middle of a message`, { cause })
        : new NatError('LINK_CLOSED', `the other side closed the ${this.#what} stream`, { cause })
    }
  }
}

function frameLength(first: number, second: number, what: string, maxBytes: number): number {
  // two bytes reach 16,383; a third can only mean a message over the limit
  if (second >= 0x80) throw tooLong(what, 'more than 16,383', maxBytes)
  return (first & 0x7f) | (second << 7)
}

function tooLong(what: string, bytes: string, maxBytes: number): NatError {
  return new NatError('MALFORMED', `a ${what} message of ${bytes} bytes: the limit is ${maxBytes}`)
}
