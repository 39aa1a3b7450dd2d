/** A peer's record as a store keeps it. Stores do not look into it: whoever puts it there has verified it. */
export interface StoredRecord {
  /** The peer's id as text. */
  readonly peer: string
  readonly seq: number
  /** The signed envelope. */
  readonly envelope: Uint8Array
  /** The peer has left: it is nowhere, and no record with a lower number is taken. */
  readonly left: boolean
  /** Until when others are told of it, in milliseconds since 1970. */
  readonly expiresMs: number
  /** Until when its number is remembered, so that nobody brings an older record back; later than {@link expiresMs}. */
  readonly forgetMs: number
}

export type PutOutcome =
  /** It is kept; all hubs know of it. */
  | { readonly outcome: 'stored' }
  /** It was there already. */
  | { readonly outcome: 'same' }
  /** One with a higher number is kept, or another one with the same number. */
  | { readonly outcome: 'stale'; readonly current: StoredRecord }

/** What happened to a peer that is watched: its new record, or none when it is gone. */
export interface StoreNews {
  readonly peer: string
  readonly record: StoredRecord | undefined
}

export interface PeerPage {
  readonly peers: readonly string[]
  /** What to ask the next page after; undefined when this was the last. */
  readonly next?: string
}

/**
 * Where hubs keep records: one file for a hub by itself, or a server that a fleet shares. A peer's record is *held* by the hubs at which it is registered, and others are
 * told of it as long as it has not expired and a hub holds it (or it was put without any). What `put` has resolved for survives the process.
 *
 * All methods reject with NatError UNAVAILABLE while the store cannot be reached, within {@link STORE_TIMEOUT_MS}. Times are given by the caller.
 */
export interface RecordStore {
  /**
   * Keeps the record if it is newer than what is kept: all in one step, however many hubs do it at once.
   *
   * @param hub the hub that answers for it from now on; undefined: none, it lasts as long as it says. A record that nobody held any more is there again when a hub puts it.
   */
  put(record: StoredRecord, hub: string | undefined, nowMs: number): Promise<PutOutcome>
  /** The record of a peer that is there. */
  get(peer: string, nowMs: number): Promise<StoredRecord | undefined>
  /** The record by which a peer has said goodbye, for as long as it would be kept: who looks for it believes no older one then. */
  goodbye(peer: string, nowMs: number): Promise<StoredRecord | undefined>
  /** That hub answers for the peer no more. When it was the last one, the record is gone, and its number is remembered. */
  release(peer: string, hub: string, nowMs: number): Promise<void>
  /** The peers that a hub holds: a hub that starts again looks after those of its life before. */
  held(hub: string): AsyncIterable<string>
  /** Peers with a record, in any order that lasts: for operators only. @param limit 1 to 1,000 */
  list(after: string | undefined, limit: number, nowMs: number): Promise<PeerPage>
  count(nowMs: number): Promise<number>
  /** From now on {@link onNews} tells of that peer, whichever hub its news come by. Resolves when it does. */
  watch(peer: string): Promise<void>
  unwatch(peer: string): void
  /** @returns a function that takes the listener away again. A record that expires by itself is no news. */
  onNews(listener: (news: StoreNews) => void): () => void
  /** The hub that a peer's call is to be passed on by; hubs hear of it by {@link onCall}. Lost when nobody listens. */
  call(peer: string, envelope: Uint8Array): Promise<void>
  onCall(listener: (peer: string, envelope: Uint8Array) => void): () => void
  /** Whether it answers. */
  check(): Promise<void>
  stop(): Promise<void>
}

/** How long an operation of a store may take. */
export const STORE_TIMEOUT_MS = 5_000
