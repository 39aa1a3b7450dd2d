import type { PeerId } from '@libp2p/interface'
import type { Events } from '../../core/events.ts'
import type { RendezvousStatus } from '../../wire/rendezvous.ts'

/** What came of a request to a hub. Nothing of it is verified: a hub may say anything. */
export type HubAnswer =
  | {
      readonly outcome: 'answered'
      readonly status: RendezvousStatus
      /** The record that was asked for; to a REGISTER that was STALE, the newer one. */
      readonly envelope?: Uint8Array
      /** For people. */
      readonly detail?: string
      /** How long the hub keeps what was registered. */
      readonly lifetimeSeconds?: number
    }
  | { readonly outcome: HubSilence; readonly detail: string }

/**
 * Why there is no answer. `unsupported`: the hub keeps no records, and is asked again when it is connected to anew. `silent`: nothing came in time,
 * or it cannot be asked. `refused`: it ended the stream. `garbage`: what came was no answer; the stream is over.
 */
export type HubSilence = 'unsupported' | 'silent' | 'refused' | 'garbage'

/** What one hub says of a peer that is watched: its record, or that it has none. Not verified. */
export interface HubNews {
  readonly hub: PeerId
  readonly envelope: Uint8Array | undefined
}

export type RendezvousEvents = {
  /** A hub says that a peer wants a connection, by whose record it can be had. Not verified. */
  called: { readonly hub: PeerId; readonly envelope: Uint8Array }
}

/**
 * A node's end of `/beeline/rendezvous/1.0.0` at all of its hubs (docs/rendezvous.md). No method fails because of a hub: that is an answer. With a
 * signal that aborts, they reject with its reason.
 */
export interface Rendezvous {
  readonly events: Pick<Events<RendezvousEvents>, 'on'>
  /** The hubs that there are. */
  readonly hubs: readonly PeerId[]
  /** Asks one hub for a peer's record. */
  query(hub: PeerId, peer: PeerId, signal?: AbortSignal): Promise<HubAnswer>
  /** Leaves a record of ours, or that of our having left. */
  register(hub: PeerId, envelope: Uint8Array, signal?: AbortSignal): Promise<HubAnswer>
  /** Has a hub tell a peer that we want a connection, by this record of ours. */
  call(hub: PeerId, peer: PeerId, envelope: Uint8Array, signal?: AbortSignal): Promise<HubAnswer>
  /**
   * Hears what all hubs say of a peer, now and whenever it changes; goes on after a hub was away.
   *
   * @returns a function that takes the listener away again
   */
  watch(peer: PeerId, listener: (news: HubNews) => void): () => void
}

export const RENDEZVOUS = {
  /** From the request to its answer, whatever is done for it in between. */
  answerMs: 5_000,
  /** Requests that one hub has from us at once; it takes 64. */
  inFlight: 32,
  /** Requests that wait for their turn: as many as watches are renewed when a hub comes back, and then some. */
  waiting: 2_048,
  /** Before a stream that has ended is opened again: twice as long each time, until an answer has come by one. */
  firstReopenMs: 500,
  maxReopenMs: 60_000
} as const
