import type { AbortOptions, CreateStreamOptions, Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { NatError } from '../core/errors.ts'

const MULTISTREAM = '/multistream/1.0.0'
/** A protocol name longer than this is nobody's; js-libp2p's own bound is the same. */
const MAX_LINE_BYTES = 1024

/** What every stream of js-libp2p is underneath: data comes in by `onData`. */
interface Incoming extends Stream {
  onData(data: Uint8ArrayList): void
  sendCloseWrite(options?: AbortOptions): Promise<void>
}

/**
 * Negotiates a stream's protocol without waiting for the answer (multistream-select 1.0 allows to send on): header,
 * protocol and the application's first bytes leave together, which saves a round trip per stream, and over a relay a
 * relayed one. The two answer lines are taken out of what comes in before anybody sees it. Where the other side does not
 * speak the protocol, the stream is aborted with a NatError UNSUPPORTED.
 */
export function optimistic<T extends Stream>(stream: T, protocol: string): T {
  const incoming = stream as unknown as Incoming
  const deliver = incoming.onData
  const closeWrite = incoming.sendCloseWrite
  const answered = Promise.withResolvers<void>()
  stream.addEventListener('close', () => answered.resolve())
  const expected = [MULTISTREAM, protocol]
  const pending = new Uint8ArrayList()
  incoming.onData = data => {
    pending.append(data)
    for (let line = readLine(pending); line !== undefined; line = readLine(pending)) {
      if (line !== expected.shift()) {
        const answer = line === 'na' ? 'it does not speak it' : 'it answered something else'
        stream.abort(new NatError('UNSUPPORTED', `the other side did not accept ${protocol}: ${answer}`))
        return
      }
      if (expected.length > 0) continue
      incoming.onData = deliver
      answered.resolve()
      if (pending.byteLength > 0) deliver.call(incoming, pending)
      return
    }
  }
  // js-libp2p's handler loses what came with the negotiation when the end of the stream came with it too
  incoming.sendCloseWrite = async options => {
    await answered.promise
    await closeWrite.call(incoming, options)
  }
  stream.protocol = protocol
  stream.send(new Uint8ArrayList(encodeLine(MULTISTREAM), encodeLine(protocol)))
  return stream
}

/** A muxer whose streams are negotiated optimistically: js-libp2p leaves a stream alone that has its protocol already. */
export function optimisticMuxer<Components>(
  create: (components: Components) => StreamMuxerFactory
): (components: Components) => StreamMuxerFactory {
  return components => {
    const factory = create(components)
    return {
      protocol: factory.protocol,
      createStreamMuxer: connection => {
        const muxer: StreamMuxer = factory.createStreamMuxer(connection)
        const createStream = muxer.createStream.bind(muxer)
        muxer.createStream = async ({ protocol, ...options }: CreateStreamOptions = {}) => {
          const stream = await createStream(options)
          return protocol == null ? stream : optimistic(stream, protocol)
        }
        return muxer
      }
    }
  }
}

/** A line as multistream frames it: its length with the line feed, as an unsigned varint, and the text. */
function encodeLine(text: string): Uint8Array {
  const line = new TextEncoder().encode(`${text}\n`)
  const length = line.length < 0x80 ? [line.length] : [(line.length & 0x7f) | 0x80, line.length >> 7]
  return Uint8Array.from([...length, ...line])
}

/** Takes the next line off; undefined while it is not all there, and an empty one for what is no line. */
function readLine(list: Uint8ArrayList): string | undefined {
  if (list.byteLength === 0) return undefined
  const first = list.get(0)
  if (first >= 0x80 && list.byteLength < 2) return undefined
  const [length, lengthBytes] = first < 0x80 ? [first, 1] : [(first & 0x7f) | (list.get(1) << 7), 2]
  if (length === 0 || length > MAX_LINE_BYTES) return ''
  if (list.byteLength < lengthBytes + length) return undefined
  const line = new TextDecoder().decode(list.subarray(lengthBytes, lengthBytes + length))
  list.consume(lengthBytes + length)
  return line.endsWith('\n') ? line.slice(0, -1) : ''
}
