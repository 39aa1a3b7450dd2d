import type { Stream } from '@libp2p/interface'
import { encodeFrame } from '../../libp2p/frames.ts'
import { rendezvousEventCodec } from '../../wire/rendezvous.ts'
import type { News } from '../records/api.ts'
import { RENDEZVOUS_LIMITS } from './limits.ts'

/** News go to all who watch a peer: they are encoded once. */
const encoded = new WeakMap<News, Uint8Array>()

/**
 * What goes out by one stream, as fast as it is read. What waits is bounded: answers by the requests in hand, calls by a number of their own, and of each peer
 * that is watched there is its newest record only.
 */
export class Outbox {
  readonly #stream: Stream
  readonly #answers: Uint8Array[] = []
  readonly #calls: Uint8Array[] = []
  readonly #news = new Map<string, News>()
  /** Resolves when the stream takes more; undefined while it does. */
  #draining: Promise<void> | undefined

  constructor(stream: Stream) {
    this.#stream = stream
  }

  /** How many answers wait. */
  get answers(): number {
    return this.#answers.length
  }

  answer(event: Uint8Array): void {
    this.#answers.push(event)
    this.#flush()
  }

  call(envelope: Uint8Array): void {
    if (this.#calls.length >= RENDEZVOUS_LIMITS.maxCalls) return
    this.#calls.push(rendezvousEventCodec.encode({ type: 'CALLED', envelope }))
    this.#flush()
  }

  news(news: News): void {
    // it keeps its place in the line
    this.#news.set(news.peer, news)
    this.#flush()
  }

  forget(peer: string): void {
    this.#news.delete(peer)
  }

  /** Resolves when the stream takes more, or has ended. */
  async drained(): Promise<void> {
    while (this.#draining != null) await this.#draining
  }

  #flush(): void {
    while (this.#draining == null && this.#stream.writeStatus === 'writable') {
      const event = this.#next()
      if (event == null) return
      if (!this.#sent(encodeFrame(event))) this.#draining = this.#drain()
    }
  }

  /** @returns whether the stream takes more */
  #sent(frame: Uint8Array): boolean {
    try {
      return this.#stream.send(frame)
    } catch (error) {
      this.#stream.abort(error as Error)
      return true
    }
  }

  async #drain(): Promise<void> {
    // of a stream that has ended nothing tells that it takes more
    if (this.#stream.writeStatus === 'writable') await this.#stream.onDrain().catch(() => {})
    this.#draining = undefined
    this.#flush()
  }

  #next(): Uint8Array | undefined {
    const event = this.#answers.shift() ?? this.#calls.shift()
    if (event != null) return event
    const [news] = this.#news.values()
    if (news == null) return undefined
    this.#news.delete(news.peer)
    return encodedNews(news)
  }
}

function encodedNews(news: News): Uint8Array {
  const known = encoded.get(news)
  if (known != null) return known
  const { multihash: peer, envelope } = news
  const event = rendezvousEventCodec.encode({ type: 'NEWS', peer, ...(envelope == null ? {} : { envelope }) })
  encoded.set(news, event)
  return event
}
