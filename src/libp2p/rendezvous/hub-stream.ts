import type { Stream, StreamCloseEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import {
  type KnownRequest,
  MAX_RENDEZVOUS_BYTES,
  type RendezvousEvent,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../wire/rendezvous.ts'
import { encodeFrame, takeFrame } from '../frames.ts'
import type { HubAnswer, HubSilence } from './api.ts'

/**
 * What a hub may say without being asked. When it comes back all that we watch may be news at once; each costs the check of a signature, and
 * a hundred a second are a few percent of a core.
 */
const UNASKED = { burst: 2_048, refillMs: 10, maxKeys: 1 } as const

/** A request that has no number yet. */
export type Unnumbered = KnownRequest extends infer R ? (R extends unknown ? Omit<R, 'request'> : never) : never

export type Unasked = Exclude<RendezvousEvent, { readonly type: 'ANSWER' | 'UNKNOWN' }>

export interface StreamEnd {
  readonly outcome: HubSilence
  readonly detail: string
  /** Whether the hub itself has said so; else it is concluded from how the stream ended. */
  readonly isCertain: boolean
}

export interface HubStreamInit {
  readonly stream: Stream
  readonly clock: Clock
  /** Whether the connection that it runs on is there. */
  readonly isConnected: () => boolean
  readonly onUnasked: (event: Unasked) => void
  /** Called once. Requests that wait for an answer have it then: this one. */
  readonly onEnd: (end: StreamEnd) => void
}

/** One rendezvous stream, from its opening to its end: requests and their answers, by number, and what the hub says unasked. */
export class HubStream {
  readonly #init: HubStreamInit
  readonly #waiting = new Map<number, (answer: HubAnswer) => void>()
  readonly #received = new Uint8ArrayList()
  readonly #unasked = new Allowance(UNASKED)
  #requests = 0
  /** Whether anything has come by it. */
  #isAnswered = false
  #end: StreamEnd | undefined

  constructor(init: HubStreamInit) {
    this.#init = init
    const { stream } = init
    stream.addEventListener('message', ({ data }) => this.#onData(data))
    stream.addEventListener('remoteCloseWrite', () => stream.abort(ENDED))
    stream.addEventListener('close', event => this.#onClose(event))
    // it may have ended while it was opened; whoever has made this is to have it first
    if (stream.status !== 'open') queueMicrotask(() => this.#onClose({}))
    else if (stream.remoteWriteStatus === 'closed') queueMicrotask(() => stream.abort(ENDED))
  }

  get isOver(): boolean {
    return this.#end != null
  }

  /** @throws the signal's reason: an answer that comes later is passed over */
  async ask(message: Unnumbered, signal: AbortSignal): Promise<HubAnswer> {
    signal.throwIfAborted()
    if (this.#end != null) return answerOf(this.#end)
    const { promise, resolve, reject } = Promise.withResolvers<HubAnswer>()
    const request = ++this.#requests
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.set(request, resolve)
    try {
      this.#init.stream.send(encodeFrame(rendezvousRequestCodec.encode({ ...message, request })))
      return await promise
    } catch (error) {
      if (signal.aborted) throw error
      // closing, which its event tells a moment later
      return { outcome: 'refused', detail: (error as Error).message }
    } finally {
      this.#waiting.delete(request)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Nobody asks by it any more. */
  close(): void {
    this.#init.stream.abort(CLOSED)
  }

  #onData(data: Uint8Array | Uint8ArrayList): void {
    if (this.#end != null) return
    this.#isAnswered = true
    this.#received.append(data)
    try {
      for (let frame = this.#take(); frame != null; frame = this.#take()) {
        this.#onEvent(rendezvousEventCodec.decode(frame))
      }
    } catch (error) {
      this.#init.stream.abort(error as Error)
    }
  }

  #take(): Uint8Array | undefined {
    return this.#end == null ? takeFrame(this.#received, 'rendezvous', MAX_RENDEZVOUS_BYTES) : undefined
  }

  #onEvent(event: RendezvousEvent): void {
    if (event.type !== 'ANSWER') {
      if (!this.#unasked.take('', this.#init.clock.now()))
        throw new NatError('MALFORMED', 'more news than there can be')
      // a later version may say what we do not know
      if (event.type !== 'UNKNOWN') this.#init.onUnasked(event)
      return
    }
    const { type: _, request, ...answer } = event
    if (request === 0 || request > this.#requests)
      throw new NatError('MALFORMED', 'an answer to nothing that was asked')
    // nobody may wait for it any more
    this.#waiting.get(request)?.({ outcome: 'answered', ...answer })
  }

  #onClose({ error, local }: Pick<StreamCloseEvent, 'error' | 'local'>): void {
    if (this.#end != null) return
    this.#end = this.#reasonFor(error, local ?? false)
    const answer = answerOf(this.#end)
    for (const resolve of this.#waiting.values()) resolve(answer)
    this.#init.onEnd(this.#end)
  }

  #reasonFor(error: Error | undefined, isLocal: boolean): StreamEnd {
    const detail = error?.message ?? ENDED.message
    const code = isLocal && error instanceof NatError ? error.code : undefined
    if (code === 'UNSUPPORTED') return { outcome: 'unsupported', detail, isCertain: true }
    if (code === 'MALFORMED') return { outcome: 'garbage', detail, isCertain: true }
    if (error === CLOSED || !this.#init.isConnected()) {
      return { outcome: 'silent', detail: 'the connection is gone', isCertain: true }
    }
    // who does not know the protocol resets the stream, and over QUIC a reset makes void what was said before (optimistic.ts)
    if (!this.#isAnswered) return { outcome: 'unsupported', detail: 'it ends the stream at once', isCertain: false }
    return { outcome: 'refused', detail, isCertain: true }
  }
}

const ENDED = new NatError('LINK_CLOSED', 'the hub has ended the stream')
const CLOSED = new NatError('LINK_CLOSED', 'nobody asks by it any more')

function answerOf({ outcome, detail }: StreamEnd): HubAnswer {
  return { outcome, detail }
}
