import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { AbstractStream, type SendResult } from '@libp2p/utils'
import { Uint8ArrayList } from 'uint8arraylist'
import type { VirtualClock } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { encodeFrame, takeFrame } from '../../../src/libp2p/frames.ts'
import { RendezvousClient } from '../../../src/libp2p/rendezvous/client.ts'
import {
  MAX_RENDEZVOUS_BYTES,
  type RendezvousEvent,
  type RendezvousRequest,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../../src/wire/rendezvous.ts'

export type Answer = Omit<Extract<RendezvousEvent, { type: 'ANSWER' }>, 'type' | 'request'>

/** What a hub makes of a request: an answer, or none. */
export type Behaviour = (request: RendezvousRequest, stream: FakeStream) => Answer | undefined

const log = defaultLogger().forComponent('test')

/** The node's end of a stream whose other end is in the test's hand. */
export class FakeStream extends AbstractStream {
  readonly #received = new Uint8ArrayList()
  readonly #onRequest: (request: RendezvousRequest, stream: FakeStream) => void

  constructor(onRequest: (request: RendezvousRequest, stream: FakeStream) => void) {
    super({ id: '1', direction: 'outbound', log })
    this.#onRequest = onRequest
  }

  /** The hub says something. */
  say(event: RendezvousEvent): void {
    this.sayBytes(encodeFrame(rendezvousEventCodec.encode(event)))
  }

  sayBytes(bytes: Uint8Array): void {
    this.onData(new Uint8ArrayList(bytes))
  }

  sendData(data: Uint8ArrayList): SendResult {
    this.#received.append(data.slice())
    for (;;) {
      const frame = takeFrame(this.#received, 'request', MAX_RENDEZVOUS_BYTES)
      if (frame == null) break
      const request = rendezvousRequestCodec.decode(frame)
      // an answer takes a moment
      queueMicrotask(() => this.#onRequest(request, this))
    }
    return { sentBytes: data.byteLength, canSendMore: true }
  }

  sendReset(): void {}

  async sendCloseWrite(): Promise<void> {}

  async sendCloseRead(): Promise<void> {}

  sendPause(): void {}

  sendResume(): void {}
}

/** A hub as a client sees it: connections, streams, and what was asked by them. */
export class FakeHub {
  readonly id: PeerId
  readonly requests: RendezvousRequest[] = []
  /** All that were opened. */
  readonly streams: FakeStream[] = []
  behaviour: Behaviour
  /** What opening a stream comes to. */
  onOpen: (stream: FakeStream) => void = () => {}
  connection = fakeConnection(this)
  isReachable = true

  constructor(id: PeerId, behaviour: Behaviour) {
    this.id = id
    this.behaviour = behaviour
  }

  get stream(): FakeStream {
    return this.streams.at(-1)!
  }

  /** Types of what was asked, since it was asked for the last time. */
  asked(): string[] {
    return this.requests.splice(0).map(({ type }) => type)
  }

  open(): FakeStream {
    const stream = new FakeStream((request, by) => {
      this.requests.push(request)
      const answer = this.behaviour(request, by)
      if (answer != null) by.say({ type: 'ANSWER', request: request.request, ...answer })
    })
    this.streams.push(stream)
    this.onOpen(stream)
    return stream
  }

  /** The connection goes, and all streams with it. */
  disconnect(): void {
    ;(this.connection as { status: string }).status = 'closed'
    for (const stream of this.streams) if (stream.status === 'open') stream.onTransportClosed()
    this.isReachable = false
  }

  reconnect(): void {
    this.connection = fakeConnection(this)
    this.isReachable = true
  }
}

function fakeConnection(hub: FakeHub): Connection {
  return { status: 'open', newStream: async () => hub.open() } as unknown as Connection
}

export async function peerId(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

export const nothing: Behaviour = () => ({ status: 'NOT_FOUND' })

/** A client and its hubs, all of which do the same as long as the test does not say otherwise. */
export async function clientOf(clock: VirtualClock, count = 1, behaviour: Behaviour = nothing) {
  const ids = await Promise.all(Array.from({ length: count }, peerId))
  const hubs = ids.map(id => new FakeHub(id, behaviour))
  const client = new RendezvousClient({
    hubs: ids,
    clock,
    random: seededRandom(1),
    log,
    connectTo: async hub => {
      const found = hubs.find(({ id }) => id.equals(hub))!
      if (!found.isReachable) throw new NatError('NO_HUB', 'no hub answers')
      return found.connection
    }
  })
  return { client, hubs, hub: hubs[0]! }
}
