import type { PeerId, Stream } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import * as Digest from 'multiformats/hashes/digest'
import { type Clock, sleep } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { Frames } from '../../libp2p/frames.ts'
import {
  type KnownRequest,
  MAX_RENDEZVOUS_BYTES,
  type RendezvousRequest,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../wire/rendezvous.ts'
import type { Member, News, Outcome, Subscriber } from '../records/api.ts'
import { RENDEZVOUS_LIMITS } from './limits.ts'
import { Outbox } from './outbox.ts'

export interface SessionInit {
  readonly stream: Stream
  readonly clock: Clock
  /** Why the peer may not use the hub; asked for each request, because it may have shown a token in between. */
  readonly refusal: () => string | undefined
  /** Ends the session. */
  readonly signal: AbortSignal
}

/** One rendezvous stream: requests in, answers and news out. */
export class Session implements Subscriber {
  readonly #init: SessionInit
  readonly #outbox: Outbox
  readonly #serving = new Set<Promise<void>>()
  /** It was refused something just now because of its number. */
  #isTooFast = false

  constructor(init: SessionInit) {
    this.#init = init
    this.#outbox = new Outbox(init.stream)
  }

  news(news: News): void {
    this.#outbox.news(news)
  }

  called(envelope: Uint8Array): void {
    this.#outbox.call(envelope)
  }

  /**
   * Serves until the peer says no more; what it has asked for is answered.
   *
   * @throws NatError MALFORMED for garbage; what the stream throws; the signal's reason
   */
  async run(member: Member): Promise<void> {
    const { stream, clock, signal } = this.#init
    const frames = new Frames(stream, rendezvousRequestCodec, 'rendezvous', MAX_RENDEZVOUS_BYTES)
    for (;;) {
      const request = await read(frames, signal)
      if (request == null) break
      // what names no peer is garbage too
      const peer = 'peer' in request ? peerOf(request.peer) : undefined
      const isTooMany = this.#serving.size + this.#outbox.answers >= RENDEZVOUS_LIMITS.maxInFlight
      if (isTooMany) this.#answer(request, TOO_MANY)
      else if (request.type === 'UNKNOWN') this.#answerUnknown(request)
      else this.#serve(request, this.#outcome(member, request, peer))
      await this.#outbox.drained()
      // a refusal costs little, and ten thousand a second would cost much
      if (this.#isTooFast) await sleep(clock, RENDEZVOUS_LIMITS.pauseMs, signal)
      this.#isTooFast = false
    }
    await Promise.all(this.#serving)
    await this.#outbox.drained()
    await stream.close({ signal })
  }

  #serve(request: KnownRequest, outcome: Promise<Outcome>): void {
    const serving = outcome
      .then(each => this.#answer(request, each))
      .catch(error => this.#init.stream.abort(error as Error))
    const over = serving.finally(() => this.#serving.delete(over))
    this.#serving.add(over)
  }

  /** A later version may ask for what we do not know. Whoever asks for nothing else is slowed down. */
  #answerUnknown(request: RendezvousRequest): void {
    this.#isTooFast = true
    this.#answer(request, UNKNOWN)
  }

  async #outcome(member: Member, request: KnownRequest, peer: PeerId | undefined): Promise<Outcome> {
    const refusal = this.#init.refusal()
    if (refusal != null) return { status: 'FORBIDDEN', detail: refusal }
    switch (request.type) {
      case 'REGISTER':
        return await member.register(copied(request.envelope))
      case 'QUERY':
        return await member.find(peer!)
      case 'WATCH':
        return await member.watch(peer!)
      case 'UNWATCH':
        member.unwatch(peer!)
        this.#outbox.forget(peer!.toString())
        return { status: 'OK' }
      case 'CALL':
        return await member.call(peer!, copied(request.envelope))
      default:
        return request satisfies never
    }
  }

  #answer({ type, request }: RendezvousRequest, outcome: Outcome): void {
    const { status, detail, envelope, lifetimeSeconds } = outcome
    if (status === 'LIMIT') this.#isTooFast = true
    this.#outbox.answer(
      rendezvousEventCodec.encode({
        type: 'ANSWER',
        request,
        status,
        ...(envelope == null ? {} : { envelope }),
        ...(detail == null ? {} : { detail }),
        ...(type === 'REGISTER' && lifetimeSeconds != null ? { lifetimeSeconds } : {})
      })
    )
  }
}

/** Of the key, where that is too long to be an id itself. */
const SHA_256 = 0x12

/** The status is one that a node of any version knows. */
const UNKNOWN: Outcome = { status: 'UNAVAILABLE', detail: 'this hub does not know what is asked' }

const TOO_MANY: Outcome = {
  status: 'LIMIT',
  detail: `a stream has ${RENDEZVOUS_LIMITS.maxInFlight} requests in hand at once`
}

/** @returns undefined when the peer says no more */
async function read(frames: Frames<RendezvousRequest>, signal: AbortSignal): Promise<RendezvousRequest | undefined> {
  try {
    return await frames.read(signal)
  } catch (error) {
    if (error instanceof NatError && error.code === 'LINK_CLOSED') return undefined
    throw error
  }
}

/** What may be kept for long: not as a part of all that came with it. */
function copied(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}

/** @throws NatError MALFORMED */
function peerOf(multihash: Uint8Array): PeerId {
  try {
    const digest = Digest.decode(multihash)
    const peer = peerIdFromMultihash(digest)
    // the kind "url" is that of names of websites
    if (peer.type !== 'url' && (digest.code !== SHA_256 || digest.size === 32)) return peer
  } catch (cause) {
    throw new NatError('MALFORMED', 'the request names no peer', { cause })
  }
  throw new NatError('MALFORMED', 'the request names no peer')
}
