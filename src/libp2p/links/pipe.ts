import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { PipeKind } from '../../traversal/paths/api.ts'
import type { Step } from '../circuit/connection.ts'

/**
 * What may wait for a pipe that is slower than the engine. The engine's congestion control has to see loss, not seconds of
 * queue: this is a quarter of a second at a megabyte per second.
 */
export const MAX_QUEUED_BYTES = 256 * 1024

/** Carries a link's datagrams in frames (wire/datagrams.ts). */
export interface Pipe {
  readonly kind: PipeKind
  /** Where its packets go: the relay's address, or the other side's. */
  readonly remote: string
  /** The relay's peer id. */
  readonly relay?: string
  /** Takes whole frames; drops them when too much waits already. Never throws. */
  send(frames: Uint8Array): void
  /** What comes in, in pieces of any size, from now on; and once, that nothing more comes. */
  start(onData: (bytes: Uint8Array) => void, onClose: (reason: string) => void): void
  /** Safe to call twice. */
  close(): void
}

export interface RelayPipeInit {
  readonly remote: string
  readonly relay: string
  /** What comes in before the frames, in order. */
  readonly expect: readonly Step[]
  /** What has been read off the stream already. */
  readonly early?: Uint8Array
}

/** A pipe over a stream through a relay. */
export class RelayPipe implements Pipe {
  readonly kind = 'relay'
  readonly remote: string
  readonly relay: string
  readonly #stream: Stream
  readonly #steps: Step[]
  readonly #pending = new Uint8ArrayList()
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #full = false
  #onData: ((bytes: Uint8Array) => void) | undefined
  #onClose: ((reason: string) => void) | undefined
  #ended: string | undefined

  constructor(stream: Stream, { remote, relay, expect, early }: RelayPipeInit) {
    this.remote = remote
    this.relay = relay
    this.#stream = stream
    this.#steps = [...expect]
    if (early != null) this.#pending.append(early)
    stream.addEventListener('drain', () => this.#drained())
    stream.addEventListener('message', ({ data }) => this.#take(data))
    stream.addEventListener('end', () => this.#end('the other side ended the relayed stream'))
    stream.addEventListener('close', ({ error }) => this.#end(error?.message ?? 'the relayed stream was closed'))
    if (stream.status !== 'open') this.#end('the relayed stream is closed')
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
    this.#stream.close().catch(error => this.#stream.abort(error))
  }

  #take(data: Uint8Array | Uint8ArrayList): void {
    if (this.#ended != null) return
    if (this.#steps.length === 0 && this.#onData != null && this.#pending.byteLength === 0) {
      if (data.byteLength > 0) this.#onData(data.subarray())
      return
    }
    this.#pending.append(data)
    try {
      for (let step = this.#steps[0]; step != null; step = this.#steps[0]) {
        if (!step(this.#pending)) return
        this.#steps.shift()
      }
    } catch (error) {
      this.#stream.abort(error as Error)
      this.#end((error as Error).message)
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
      this.#end((error as Error).message)
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

  #end(reason: string): void {
    if (this.#ended != null) return
    this.#ended = reason
    this.#queue.length = 0
    if (this.#stream.status === 'open') this.#stream.close().catch(error => this.#stream.abort(error))
    this.#onClose?.(reason)
  }
}
