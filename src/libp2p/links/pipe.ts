import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { PipeKind } from '../../traversal/paths/api.ts'
import { type Step, takeSteps } from '../frames.ts'
import type { LinkTransport } from '../path.ts'

/**
 * What may wait for a pipe that is slower than the engine. The engine's congestion control has to see loss, not seconds of
 * queue: this is a quarter of a second at a megabyte per second.
 */
export const MAX_QUEUED_BYTES = 256 * 1024

/** What was sent last has so long to leave, and the other side to close its end: else the stream would stay for as long as it likes, here and at the relay. */
const CLOSE_MS = 5_000

/** Carries a link's datagrams in frames (wire/datagrams.ts). */
export interface Pipe {
  readonly kind: PipeKind
  /** What carries it: of a relayed one, what the relay is reached by. */
  readonly transport: LinkTransport
  /** Where its packets go: the relay's address, or the other side's. */
  readonly remote: string
  /** The relay's peer id. */
  readonly relay?: string
  /** The round trip to the relay by the connection that carries it, as far as it is known by now. */
  readonly relayRttMs?: number | undefined
  /** Takes whole frames; drops them when too much waits already. Never throws. */
  send(frames: Uint8Array): void
  /** What comes in, in pieces of any size, from now on; and once, that nothing more comes. */
  start(onData: (bytes: Uint8Array) => void, onClose: (reason: string) => void): void
  /** Safe to call twice. */
  close(): void
}

export interface RelayPipeInit {
  readonly transport: LinkTransport
  readonly remote: string
  readonly relay: string
  readonly relayRttMs: () => number | undefined
  readonly clock: Clock
  /** What comes in before the frames, in order. */
  readonly expect: readonly Step[]
  /** What has been read off the stream already. */
  readonly early?: Uint8Array
  /** It ended before all that was expected had come. */
  readonly onFailed?: (error: Error) => void
}

/** A pipe over a stream through a relay. */
export class RelayPipe implements Pipe {
  readonly kind = 'relay'
  readonly transport: LinkTransport
  readonly remote: string
  readonly relay: string
  readonly #relayRttMs: () => number | undefined
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #steps: Step[]
  readonly #pending = new Uint8ArrayList()
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #full = false
  #onData: ((bytes: Uint8Array) => void) | undefined
  #onClose: ((reason: string) => void) | undefined
  readonly #onFailed: ((error: Error) => void) | undefined
  #ended: string | undefined

  constructor(stream: Stream, init: RelayPipeInit) {
    const { transport, remote, relay, relayRttMs, clock, expect, early, onFailed } = init
    this.transport = transport
    this.remote = remote
    this.relay = relay
    this.#relayRttMs = relayRttMs
    this.#stream = stream
    this.#clock = clock
    this.#steps = [...expect]
    this.#onFailed = onFailed
    if (early != null) this.#pending.append(early)
    stream.addEventListener('drain', () => this.#drained())
    stream.addEventListener('message', ({ data }) => this.#take(data))
    stream.addEventListener('end', () =>
      this.#end(new NatError('LINK_CLOSED', 'the other side ended the relayed stream'))
    )
    stream.addEventListener('close', ({ error = new NatError('LINK_CLOSED', 'the relayed stream was closed') }) =>
      this.#end(error)
    )
    if (stream.status !== 'open') this.#end(new NatError('LINK_CLOSED', 'the relayed stream is closed'))
    else this.#take(new Uint8Array(0))
  }

  get relayRttMs(): number | undefined {
    return this.#relayRttMs()
  }

  send(frames: Uint8Array): void {
    if (this.#ended != null) return
    if (!this.#full) this.#write(frames)
    else if (this.#queuedBytes + frames.length <= MAX_QUEUED_BYTES) {
      this.#queue.push(frames)
      this.#queuedBytes += frames.length
    }
  }

  start(onData: (bytes: Uint8Array) => void, onClose: (reason: string) => void): void {
    this.#onData = onData
    this.#onClose = onClose
    if (this.#ended != null) queueMicrotask(() => onClose(this.#ended ?? ''))
    this.#take(new Uint8Array(0))
  }

  close(): void {
    if (this.#ended != null) return
    this.#ended = 'closed'
    // frames that wait are of no use to anybody any more
    this.#queue.length = 0
    const stream = this.#stream
    const over = new NatError('LINK_CLOSED', 'the other side did not end its half of a relayed stream')
    const timer = this.#clock.after(CLOSE_MS, () => stream.abort(over))
    stream.addEventListener('close', () => timer.cancel())
    if (stream.status === 'open') stream.close().catch(error => stream.abort(error))
    else timer.cancel()
  }

  #take(data: Uint8Array | Uint8ArrayList): void {
    if (this.#ended != null) return
    if (this.#steps.length === 0 && this.#onData != null && this.#pending.byteLength === 0) {
      if (data.byteLength > 0) this.#onData(data.subarray())
      return
    }
    if (this.#pending.byteLength + data.byteLength > MAX_QUEUED_BYTES) {
      this.#end(new NatError('LIMIT', 'more came on a relayed stream than anybody has asked for'))
      return
    }
    this.#pending.append(data)
    try {
      if (!takeSteps(this.#steps, this.#pending)) return
    } catch (error) {
      this.#end(error as Error)
      return
    }
    if (this.#onData == null || this.#pending.byteLength === 0) return
    const rest = this.#pending.slice()
    this.#pending.consume(this.#pending.byteLength)
    this.#onData(rest)
  }

  #write(frames: Uint8Array): void {
    try {
      this.#full = !this.#stream.send(frames)
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #drained(): void {
    this.#full = false
    if (this.#ended != null || this.#queue.length === 0) return
    const frames = Buffer.concat(this.#queue)
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.#write(frames)
  }

  #end(error: Error): void {
    if (this.#ended != null) return
    this.#ended = error.message
    this.#queue.length = 0
    if (this.#steps.length > 0) this.#onFailed?.(error)
    this.#stream.abort(error)
    this.#onClose?.(error.message)
  }
}
