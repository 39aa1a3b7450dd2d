import type { Stream } from '@libp2p/interface'
import { type ByteStream, byteStream } from '@libp2p/utils'
import { NatError } from '../../core/errors.ts'
import { DCUTR_MAX_MESSAGE_BYTES, type HolePunch, holePunchCodec } from '../../wire/dcutr.ts'

/** HolePunch messages over a stream, each behind its length as an unsigned varint. */
export class Channel {
  readonly stream: Stream
  readonly #bytes: ByteStream<Stream>

  constructor(stream: Stream) {
    this.stream = stream
    this.#bytes = byteStream(stream, { maxBufferSize: 2 * DCUTR_MAX_MESSAGE_BYTES })
  }

  /**
   * @throws NatError MALFORMED for a wrong type of message, one too long or cut off; LINK_CLOSED when the other side
   *   hung up between two messages; what the stream throws
   */
  async read(expected: HolePunch['type'], signal: AbortSignal): Promise<HolePunch> {
    const message = holePunchCodec.decode(await this.#frame(signal))
    if (message.type !== expected) {
      throw new NatError('MALFORMED', `a ${message.type} came where DCUtR has a ${expected}`)
    }
    return message
  }

  send(message: HolePunch): void {
    const body = holePunchCodec.encode(message)
    this.stream.send(Buffer.concat([lengthPrefix(body.length), body]))
  }

  async #frame(signal: AbortSignal): Promise<Uint8Array> {
    const first = await this.#take(1, signal, 'between messages')
    let length = first[0]!
    if (length >= 0x80) {
      const [second] = await this.#take(1, signal, 'in a message')
      // two bytes reach 16,383; a third can only mean a message over the limit
      if (second! >= 0x80) throw tooLong('more than 16,383')
      length = (length & 0x7f) | (second! << 7)
    }
    if (length > DCUTR_MAX_MESSAGE_BYTES) throw tooLong(String(length))
    return length === 0 ? new Uint8Array(0) : this.#take(length, signal, 'in a message')
  }

  async #take(bytes: number, signal: AbortSignal, where: 'between messages' | 'in a message'): Promise<Uint8Array> {
    try {
      return (await this.#bytes.read({ bytes, signal })).subarray()
    } catch (cause) {
      if ((cause as Error).name !== 'UnexpectedEOFError' || this.stream.status === 'reset') throw cause
      throw where === 'in a message'
        ? new NatError('MALFORMED', 'the DCUtR stream ended in the middle of a message', { cause })
        : new NatError('LINK_CLOSED', 'the other side closed the DCUtR stream', { cause })
    }
  }
}

function tooLong(bytes: string): NatError {
  return new NatError('MALFORMED', `a DCUtR message of ${bytes} bytes: the limit is ${DCUTR_MAX_MESSAGE_BYTES}`)
}

function lengthPrefix(length: number): Uint8Array {
  return length < 0x80 ? Uint8Array.of(length) : Uint8Array.of((length & 0x7f) | 0x80, length >> 7)
}
