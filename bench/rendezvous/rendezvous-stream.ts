import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { encodeFrame, takeFrame } from '../../src/libp2p/frames.ts'
import {
  MAX_RENDEZVOUS_BYTES,
  type RendezvousEvent,
  type RendezvousRequest,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../src/wire/rendezvous.ts'
import type { Signer } from './records.ts'

type Answer = Extract<RendezvousEvent, { type: 'ANSWER' }>

/** The stream as a node has it, without a node's patience: whoever measures wants to know what went wrong. */
export class RendezvousStream {
  /** The multihash of a peer that is watched has a new record. */
  onNews: (peer: Uint8Array) => void = () => {}
  readonly #stream: Stream
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>()
  #request = 0

  constructor(stream: Stream) {
    this.#stream = stream
    const list = new Uint8ArrayList()
    stream.addEventListener('message', ({ data }) => {
      list.append(data)
      for (let frame = take(list); frame != null; frame = take(list)) this.#heard(rendezvousEventCodec.decode(frame))
    })
    stream.addEventListener('close', ({ error }) => {
      for (const { reject } of this.#waiting.values()) reject(error ?? new Error('the hub closed the stream'))
    })
  }

  async register(envelope: Uint8Array): Promise<void> {
    await this.#ask(request => ({ type: 'REGISTER', request, envelope }))
  }

  async query({ multihash: peer }: Signer): Promise<void> {
    await this.#ask(request => ({ type: 'QUERY', request, peer }))
  }

  async watch({ multihash: peer }: Signer): Promise<void> {
    await this.#ask(request => ({ type: 'WATCH', request, peer }))
  }

  async #ask(message: (request: number) => RendezvousRequest): Promise<void> {
    const request = this.#request++
    const waiting = Promise.withResolvers<Answer>()
    this.#waiting.set(request, waiting)
    this.#stream.send(encodeFrame(rendezvousRequestCodec.encode(message(request))))
    const { status, detail } = await waiting.promise
    if (status !== 'OK') throw new Error(`the hub answers ${status}: ${detail ?? ''}`)
  }

  #heard(event: RendezvousEvent): void {
    if (event.type === 'NEWS') this.onNews(event.peer)
    else if (event.type === 'ANSWER') {
      this.#waiting.get(event.request)?.resolve(event)
      this.#waiting.delete(event.request)
    }
  }
}

function take(list: Uint8ArrayList): Uint8Array | undefined {
  return takeFrame(list, 'rendezvous', MAX_RENDEZVOUS_BYTES)
}
