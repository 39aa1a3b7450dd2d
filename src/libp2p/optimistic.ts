import type {
  AbortOptions,
  CreateStreamOptions,
  MultiaddrConnection,
  Stream,
  StreamMuxer,
  StreamMuxerFactory
} from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { Uint8ArrayList } from 'uint8arraylist'
import { NatError } from '../core/errors.ts'
import { encodeFrame, takeFrame } from './frames.ts'

const MULTISTREAM = '/multistream/1.0.0'
/** A protocol name longer than this is nobody's; js-libp2p's own bound is the same. */
const MAX_LINE_BYTES = 1024

/**
 * Negotiated fully, unless the caller asks otherwise: js-libp2p's connection monitor pings every connection and ends
 * those where that fails by anything but an UnsupportedProtocolError. Only the full negotiation brings it: a peer without
 * ping takes what follows for another protocol and resets the stream, and over QUIC the reset makes the refusal void.
 */
const FULL: ReadonlySet<string> = new Set(['/ipfs/ping/1.0.0'])

/** An option of `newStream`, which js-libp2p hands through to the muxer. */
export interface EagerOptions {
  /** Whether a protocol that is else negotiated fully is negotiated optimistically. @default false */
  readonly eager?: boolean
}

/** Whether a new stream is to be negotiated optimistically. */
export function isOptimistic(protocol: string | undefined, { eager }: EagerOptions): protocol is string {
  return protocol != null && (eager === true || !FULL.has(protocol))
}

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
  const answer = multistreamAnswer(protocol)
  const pending = new Uint8ArrayList()
  incoming.onData = data => {
    pending.append(data)
    try {
      if (!answer(pending)) return
    } catch (error) {
      stream.abort(error as Error)
      return
    }
    incoming.onData = deliver
    answered.resolve()
    if (pending.byteLength > 0) deliver.call(incoming, pending)
  }
  // js-libp2p's handler loses what came with the negotiation when the end of the stream came with it too
  incoming.sendCloseWrite = async options => {
    const signal = options?.signal
    // a peer that never answers would else keep whoever closes a connection waiting, for all of its streams
    signal?.addEventListener('abort', () => answered.resolve(), { once: true })
    if (signal?.aborted !== true) await answered.promise
    await closeWrite.call(incoming, options)
  }
  stream.protocol = protocol
  stream.send(multistreamLines(protocol))
  return stream
}

/**
 * Negotiates a connection's encryption without waiting for the answer: the upgrader reads at once the answer that it would
 * wait for, so that the first handshake message leaves with the question; the true answer is checked when it comes, and
 * when it is another one the connection is aborted with NatError UNSUPPORTED.
 */
export function optimisticConnection<T extends MultiaddrConnection>(connection: T, protocol: string): T {
  const incoming = connection as unknown as { onData(data: Uint8Array | Uint8ArrayList): void }
  const deliver = incoming.onData
  const answer = multistreamAnswer(protocol)
  const pending = new Uint8ArrayList()
  deliver.call(incoming, multistreamLines(protocol))
  incoming.onData = data => {
    pending.append(data)
    try {
      if (!answer(pending)) return
    } catch (error) {
      connection.abort(error as Error)
      return
    }
    incoming.onData = deliver
    if (pending.byteLength > 0) deliver.call(incoming, pending.sublist())
  }
  return connection
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
        muxer.createStream = async ({ protocol, ...options }: CreateStreamOptions & EagerOptions = {}) => {
          const stream = await createStream(options)
          return isOptimistic(protocol, options) ? optimistic(stream, protocol) : stream
        }
        return muxer
      }
    }
  }
}

/** What leaves first on a stream or connection: the header and the protocol that is wanted. */
export function multistreamLines(protocol: string): Uint8Array {
  return Buffer.concat([MULTISTREAM, protocol].map(line => encodeFrame(new TextEncoder().encode(`${line}\n`))))
}

export interface Asked {
  /** The first protocol that the other side wants. */
  readonly protocol: string
  /** All that has been read. */
  readonly whole: Uint8Array
  /** What has been read behind the protocol's line. */
  readonly rest: Uint8Array
}

/**
 * Reads which protocol the other side wants first, and answers nothing yet. Everybody sends the header and the first protocol together.
 *
 * @throws NatError MALFORMED; what the stream throws
 */
export async function askedProtocol(stream: Stream, signal: AbortSignal): Promise<Asked> {
  const bytes = byteStream(stream)
  const whole = new Uint8ArrayList()
  for (;;) {
    const lines = whole.sublist()
    const header = takeFrame(lines, 'multistream', MAX_LINE_BYTES)
    const protocol = header == null ? undefined : takeFrame(lines, 'multistream', MAX_LINE_BYTES)
    if (protocol != null) {
      bytes.unwrap()
      return { protocol: new TextDecoder().decode(protocol).trimEnd(), whole: whole.slice(), rest: lines.slice() }
    }
    const more = await bytes.read({ signal })
    if (more == null) throw new NatError('LINK_CLOSED', 'the other side hung up before it said what it wants')
    whole.append(more)
  }
}

/**
 * Takes the other side's two answer lines out of what comes in.
 *
 * @returns a function that takes what it can off the list, and tells whether it is done; it throws NatError UNSUPPORTED
 *   or MALFORMED
 */
export function multistreamAnswer(protocol: string): (list: Uint8ArrayList) => boolean {
  const expected = [MULTISTREAM, protocol]
  return list => {
    while (expected.length > 0) {
      const frame = takeFrame(list, 'multistream', MAX_LINE_BYTES)
      if (frame == null) return false
      const line = new TextDecoder().decode(frame)
      if (line !== `${expected.shift()}\n`) {
        const answer = line === 'na\n' ? 'it does not speak it' : 'it answered something else'
        throw new NatError('UNSUPPORTED', `the other side did not accept ${protocol}: ${answer}`)
      }
    }
    return true
  }
}
