import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { createLibp2p } from 'libp2p'
import { Events } from '../../src/core/events.ts'
import { accessOf } from '../../src/hub/access/index.ts'
import { type Registry, startRegistry } from '../../src/hub/records/index.ts'
import { type RelayOptions, type ReservationEvents, relayService } from '../../src/hub/relay/index.ts'
import { rendezvousService } from '../../src/hub/rendezvous/index.ts'
import type { RecordStore } from '../../src/hub/store/store.ts'
import { Frames } from '../../src/libp2p/frames.ts'
import { quic } from '../../src/libp2p/quic/index.ts'
import { yamux } from '../../src/libp2p/yamux.ts'
import {
  MAX_RENDEZVOUS_BYTES,
  RENDEZVOUS_PROTOCOL,
  type RendezvousEvent,
  type RendezvousRequest,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../src/wire/rendezvous.ts'

type Answer = Omit<Extract<RendezvousEvent, { type: 'ANSWER' }>, 'type' | 'request'>

/** What a hostile hub says to a question; bytes leave as they are; nothing: it never answers. All else it takes as an honest one would. */
export type Lie = () => Answer | Uint8Array | undefined

/** A relay on loopback that keeps records: as hubs do, or as they should not. */
export interface RendezvousHub {
  readonly id: string
  readonly addrs: readonly string[]
  stop(): Promise<void>
  /** Closes its connections to that peer. */
  drop(peer: string): Promise<void>
  /** It is gone, and the store does not hear of it. */
  crash(): Promise<void>
}

export interface RendezvousHubInit {
  /** What hubs of one fleet have in common. */
  readonly store?: RecordStore
  readonly lie?: Lie
  readonly relay?: RelayOptions
}

export async function rendezvousHub({ store, lie, relay = {} }: RendezvousHubInit): Promise<RendezvousHub> {
  const privateKey = await generateKeyPair('Ed25519')
  const id = peerIdFromPrivateKey(privateKey).toString()
  const events = new Events<ReservationEvents>()
  const access = relay.access ?? accessOf()
  let registry: Registry | undefined
  const services = { identify: identify(), relay: relayService({ ...relay, access, events }) }
  const init = {
    privateKey,
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [quic()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false }
  }
  let libp2p: Libp2p
  if (store == null) libp2p = await createLibp2p({ ...init, services })
  else {
    registry = startRegistry({ store, hub: id, reservations: events })
    const rendezvous = rendezvousService({ records: registry, access })
    libp2p = await createLibp2p({ ...init, services: { ...services, rendezvous } })
  }
  if (lie != null)
    await libp2p.handle(RENDEZVOUS_PROTOCOL, stream => serve(stream, lie).catch(() => stream.abort(new Error('over'))))
  return {
    id,
    addrs: libp2p.getMultiaddrs().map(String),
    async drop(peer) {
      await libp2p.hangUp(peerIdFromString(peer))
    },
    async stop() {
      await libp2p.stop()
      registry?.stop()
    },
    async crash() {
      registry?.stop()
      await libp2p.stop()
    }
  }
}

const codec = {
  encode: (event: RendezvousRequest | RendezvousEvent) => rendezvousEventCodec.encode(event as RendezvousEvent),
  decode: (bytes: Uint8Array): RendezvousRequest | RendezvousEvent => rendezvousRequestCodec.decode(bytes)
}

async function serve(stream: Stream, lie: Lie): Promise<void> {
  const frames = new Frames(stream, codec, 'rendezvous', MAX_RENDEZVOUS_BYTES)
  for (;;) {
    const { type, request } = (await frames.read(AbortSignal.timeout(60_000))) as RendezvousRequest
    const answer = type === 'QUERY' ? lie() : { status: 'OK' as const }
    if (answer instanceof Uint8Array) stream.send(answer)
    else if (answer != null) frames.send({ type: 'ANSWER', request, ...answer })
  }
}
