import type { Stream } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import { type HolePunch, holePunchCodec } from '../../wire/dcutr.ts'
import { Frames } from '../frames.ts'

/** HolePunch messages over a stream. */
export class Channel {
  readonly stream: Stream
  readonly #frames: Frames<HolePunch>

  constructor(stream: Stream) {
    this.stream = stream
    this.#frames = new Frames(stream, holePunchCodec, 'DCUtR')
  }

  /**
   * @throws NatError MALFORMED for a wrong type of message, one too long or cut off; LINK_CLOSED when the other side
   *   hung up between two messages; what the stream throws
   */
  async read(expected: HolePunch['type'], signal: AbortSignal): Promise<HolePunch> {
    const message = await this.#frames.read(signal)
    if (message.type !== expected) {
      throw new NatError('MALFORMED', `a ${message.type} came where DCUtR has a ${expected}`)
    }
    return message
  }

  send(message: HolePunch): void {
    this.#frames.send(message)
  }
}
