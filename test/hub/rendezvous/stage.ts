import type { TestContext } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, PeerId, PrivateKey, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { VirtualClock } from '../../../src/core/clock.ts'
import { Events } from '../../../src/core/events.ts'
import type { Access } from '../../../src/hub/access/access.ts'
import { type RecordLimits, type Registry, startRegistry } from '../../../src/hub/records/index.ts'
import { type ReservationEvents, relayService } from '../../../src/hub/relay/index.ts'
import { rendezvousService } from '../../../src/hub/rendezvous/index.ts'
import { circuitRelay } from '../../../src/libp2p/circuit/index.ts'
import { encodeFrame, Frames } from '../../../src/libp2p/frames.ts'
import { type RecordInit, sealPeerRecord } from '../../../src/libp2p/peer-record.ts'
import {
  MAX_RENDEZVOUS_BYTES,
  RENDEZVOUS_PROTOCOL,
  type RendezvousEvent,
  type RendezvousRequest,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../../src/wire/rendezvous.ts'
import { type MoodyStore, moodyStore } from '../records/stage.ts'

export type Answer = Extract<RendezvousEvent, { type: 'ANSWER' }>

const common = () => ({
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionGater: { denyDialMultiaddr: () => false },
  connectionManager: { inboundConnectionThreshold: 1_000 }
})

export const signal = () => AbortSignal.timeout(20_000)

export interface HubStage {
  readonly node: Libp2p
  readonly registry: Registry
  readonly store: MoodyStore
  readonly clock: VirtualClock
  /** Those that are stopped before it is. */
  readonly peers: Libp2p[]
  /** How many requests it has looked at. */
  readonly requests: () => number
}

export interface HubInit {
  readonly limits?: Partial<RecordLimits>
  readonly refusal?: Access['refusal']
  /** A relay that it is reached over, too. */
  readonly over?: Libp2p
}

/** What a hub has for its records, over TCP on loopback. */
export async function startHub(t: TestContext, init: HubInit = {}): Promise<HubStage> {
  const { limits = {}, refusal = () => undefined, over } = init
  const store = await moodyStore(t)
  const clock = new VirtualClock()
  let requests = 0
  const access = {
    refusal: (peer: string) => {
      requests++
      return refusal(peer)
    }
  }
  const events = new Events<ReservationEvents>()
  const registry = startRegistry({ store, hub: 'hub', reservations: events, limits, clock })
  const listen = ['/ip4/127.0.0.1/tcp/0', ...(over == null ? [] : [`${over.getMultiaddrs()[0]}/p2p-circuit`])]
  const node = await createLibp2p({
    ...common(),
    addresses: { listen },
    transports: [tcp(), circuitRelay()],
    services: {
      identify: identify(),
      relay: relayService({ clock, events }),
      rendezvous: rendezvousService({ records: registry, access, clock })
    }
  })
  const peers: Libp2p[] = []
  t.after(async () => {
    // a peer whose hub has gone takes its time
    await Promise.all(peers.map(peer => peer.stop()))
    await node.stop()
    registry.stop()
  })
  return { node, registry, store, clock, peers, requests: () => requests }
}

/** A rendezvous stream, by hand. */
export class Talk {
  readonly stream: Stream
  readonly frames: Frames<RendezvousEvent>
  readonly news: Extract<RendezvousEvent, { type: 'NEWS' }>[] = []
  readonly calls: Extract<RendezvousEvent, { type: 'CALLED' }>[] = []
  #request = 0

  constructor(stream: Stream) {
    this.stream = stream
    this.frames = new Frames(stream, rendezvousEventCodec, 'rendezvous', MAX_RENDEZVOUS_BYTES)
  }

  send(message: RendezvousRequest): void {
    this.stream.send(encodeFrame(rendezvousRequestCodec.encode(message)))
  }

  /** The next event, whatever it is. */
  async read(): Promise<RendezvousEvent> {
    const event = await this.frames.read(signal())
    if (event.type === 'NEWS') this.news.push(event)
    else if (event.type === 'CALLED') this.calls.push(event)
    return event
  }

  async answer(): Promise<Answer> {
    for (;;) {
      const event = await this.read()
      if (event.type === 'ANSWER') return event
    }
  }

  async ask(message: Unnumbered): Promise<Answer> {
    this.send({ ...message, request: ++this.#request } as RendezvousRequest)
    return await this.answer()
  }
}

type Unnumbered = RendezvousRequest extends infer R ? (R extends RendezvousRequest ? Omit<R, 'request'> : never) : never

export interface PeerStage {
  readonly node: Libp2p
  readonly key: PrivateKey
  readonly id: PeerId
  readonly multihash: Uint8Array
  readonly connection: Connection
  open(): Promise<Talk>
  record(seq: number, init?: Partial<RecordInit>): Promise<Uint8Array>
}

export async function startPeer(
  t: TestContext,
  hub: Pick<HubStage, 'node'> & Partial<HubStage>,
  how: 'direct' | 'reserved' = 'direct'
): Promise<PeerStage> {
  const key = await generateKeyPair('Ed25519')
  const address = hub.node.getMultiaddrs()[0]!
  const node = await createLibp2p({
    ...common(),
    privateKey: key,
    addresses: { listen: how === 'reserved' ? [`${address}/p2p-circuit`] : [] },
    transports: [tcp(), circuitRelay()],
    services: { identify: identify() }
  })
  if (hub.peers == null) t.after(async () => node.stop())
  else hub.peers.push(node)
  const connection = await node.dial(address)
  return {
    node,
    key,
    id: node.peerId,
    multihash: node.peerId.toMultihash().bytes,
    connection,
    open: async () => new Talk(await connection.newStream(RENDEZVOUS_PROTOCOL, { signal: signal() })),
    record: (seq, record = {}) =>
      sealPeerRecord(key, {
        seq,
        addresses: record.left === true ? [] : [multiaddr('/ip4/127.0.0.1/tcp/1')],
        ...record
      })
  }
}

/** A relay, and nothing else. */
export async function startRelay(t: TestContext): Promise<Libp2p> {
  const node = await createLibp2p({
    ...common(),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    services: { identify: identify(), relay: relayService() }
  })
  t.after(async () => node.stop())
  return node
}
