import type { PeerId } from '@libp2p/interface'
import type { RendezvousStatus } from '../../wire/rendezvous.ts'

/** Who asks: limits are kept per source (core/ip.ts `sourceOf`) and per peer. */
export interface Asker {
  /** The address that it comes from. */
  readonly address: string
  /** Who it has proved to be, over a libp2p connection; over HTTP nobody. */
  readonly peer?: PeerId
}

/** What a request came to: the same for the HTTP API and for the stream. */
export interface Outcome {
  readonly status: RendezvousStatus
  /** For people, when it is not OK. */
  readonly detail?: string
  /** Of what was found; of the newer one when it is STALE. */
  readonly envelope?: Uint8Array
  readonly seq?: number
  /** How long the hub keeps it, from now. */
  readonly lifetimeSeconds?: number
  /** A record was registered of a peer of which there was none. */
  readonly isNew?: boolean
  /** LIMIT: when to try again. */
  readonly retrySeconds?: number
}

/** The records of a hub: verified, bounded, and kept as long as their peers are there. Nothing but `list` throws: a store that does not answer is UNAVAILABLE. */
export interface Records {
  /** Verifies a record and keeps it. @param of whose it has to be, where the request names a peer */
  register(envelope: Uint8Array, asker: Asker, of?: PeerId): Promise<Outcome>
  find(peer: PeerId, asker: Asker): Promise<Outcome>
  /** For operators: whoever calls this has checked who asks. @throws NatError UNAVAILABLE */
  list(after: string | undefined, limit: number): Promise<{ readonly peers: readonly string[]; readonly next?: string }>
  /** Whether the store answers. */
  healthy(): Promise<boolean>
}

/** What became of a peer that is watched. One object goes to all who watch it: see it as a key to what is made of it once for all. */
export interface News {
  /** The peer's id as text. */
  readonly peer: string
  /** The multihash of its id. */
  readonly multihash: Uint8Array
  /** Its new record; undefined when it is gone. */
  readonly envelope: Uint8Array | undefined
}

/** Who hears of what it has not asked for just now. Neither method may block or throw. */
export interface Subscriber {
  news(news: News): void
  /** Somebody wants a connection: its record. */
  called(envelope: Uint8Array): void
}

/** A connected peer's share of the records: what it registers is held while it is there, and it hears of the peers that it watches. */
export interface Member {
  /** Its own record only. */
  register(envelope: Uint8Array): Promise<Outcome>
  find(peer: PeerId): Promise<Outcome>
  /** The record of that peer, which may be none, and news of it from now on. */
  watch(peer: PeerId): Promise<Outcome>
  unwatch(peer: PeerId): void
  /** Has that peer told that this one wants a connection. @param envelope this peer's own record */
  call(peer: PeerId, envelope: Uint8Array): Promise<Outcome>
  /** Its stream has ended. */
  leave(): void
}

/** The records, for the streams of peers that are connected. */
export interface PeerRecords extends Records {
  /** @param address where the peer comes from */
  join(peer: PeerId, address: string, subscriber: Subscriber): Member
}
