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
  /** LIMIT: when to try again. */
  readonly retrySeconds?: number
}

/** The records of a hub: verified, bounded, and kept as long as their peers are there. None of it throws: a store that does not answer is UNAVAILABLE. */
export interface Records {
  /** Verifies a record and keeps it. @param of whose it has to be, where the request names a peer */
  register(envelope: Uint8Array, asker: Asker, of?: PeerId): Promise<Outcome>
  find(peer: PeerId, asker: Asker): Promise<Outcome>
  /** For operators: whoever calls this has checked who asks. */
  list(after: string | undefined, limit: number): Promise<{ readonly peers: readonly string[]; readonly next?: string }>
  /** Whether the store answers. */
  healthy(): Promise<boolean>
}
