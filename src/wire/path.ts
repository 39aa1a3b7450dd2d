import { NatError } from './../core/errors.ts'
import { type Codec, protobufCodec } from './protobuf.ts'

/** The relayed stream of a link: the first frame each way is a {@link PipeHello}, all others are datagrams (wire/datagrams.ts). */
export const LINK_PROTOCOL = '/beeline/link/1.0.0'
/** Path agreement, over the link itself. docs/path-protocol.md */
export const PATH_PROTOCOL = '/beeline/path/1.0.0'

/** How an address of ours came to be known. `host`: of an interface; `observed`: others see it; `mapped`: a router has mapped it. */
export type CandidateKind = 'host' | 'observed' | 'mapped'

/** A place where a peer may be reached. */
export interface PathCandidate {
  readonly kind: CandidateKind
  readonly transport: 'udp' | 'tcp'
  /** A literal address, IPv4 or IPv6, in canonical spelling. */
  readonly address: string
  readonly port: number
}

/** What is read of a list of candidates; an honest peer has a handful. */
export const MAX_CANDIDATES = 16

export type PathMessage =
  /** All candidates that the sender has now. Of two lists the one with the higher number counts. */
  | { readonly type: 'CANDIDATES'; readonly seq: number; readonly candidates: readonly PathCandidate[] }
  /**
   * A simultaneous TCP connect. The side that decides asks, the other answers with the same round: the one begins when the answer
   * has come, the other half a round trip after it has left.
   */
  | { readonly type: 'PUNCH_TCP'; readonly round: number; readonly candidates: readonly PathCandidate[] }

/** The first frame on a relayed stream of a link: it begins a link, or adds a path to one. */
export type PipeHello =
  /** A signed envelope with a {@link LinkOffer}. */
  | { readonly type: 'OFFER'; readonly envelope: Uint8Array }
  | { readonly type: 'ATTACH'; readonly attach: LinkAttach }

/** What each side of a new link tells the other, signed by its identity. */
export interface LinkOffer {
  /** X25519, 32 bytes. */
  readonly key: Uint8Array
  /** The multihash of the peer that it is meant for. */
  readonly to: Uint8Array
  /** SHA-256 of the envelope that it answers; absent in the first one. */
  readonly answers?: Uint8Array
  readonly candidates: readonly PathCandidate[]
}

/** A further relayed stream for a link that there is. */
export interface LinkAttach {
  /** The link's id, 8 bytes. */
  readonly link: Uint8Array
  /** Higher than any before from this side. */
  readonly number: number
  /** HMAC-SHA256 over the two, with the sender's key of the link, 32 bytes. */
  readonly mac: Uint8Array
}
