import type { AbortOptions, Connection, PeerId, Stream } from '@libp2p/interface'
import { HOP_PROTOCOL, hopCodec } from '../../wire/circuit.ts'
import { encodeFrame } from '../frames.ts'

/**
 * js-libp2p lets 64 streams of a protocol run over one connection where nobody says otherwise. Each relayed connection and each link at a relay
 * is one of them, for as long as it lives, and so is the renewal of the reservation, which must not fail for that. A hub of ours takes as many.
 */
const MAX_HOP_STREAMS = 1_024

/** What a relay is shown so that it lets us in; undefined: nothing. */
export type TokenFor = (relay: PeerId) => string | undefined

/** A stream on which a relay is asked for something. @throws what opening a stream throws */
export function openHop(relay: Connection, { signal }: AbortOptions): Promise<Stream> {
  return relay.newStream(HOP_PROTOCOL, { ...(signal == null ? {} : { signal }), maxOutboundStreams: MAX_HOP_STREAMS })
}

/** Asks a relay to join us to a peer. */
export function connectFrame(relay: Connection, target: PeerId, tokenFor: TokenFor): Uint8Array {
  const peer = { id: target.toMultihash().bytes, addrs: [] }
  return encodeFrame(hopCodec.encode({ type: 'CONNECT', peer, ...shown(relay, tokenFor) }))
}

/** The token of a request to the relay at the other end of a connection, which has proved that it is that relay. */
export function shown({ remotePeer }: Connection, tokenFor: TokenFor): { readonly token?: string } {
  const token = tokenFor(remotePeer)
  return token == null ? {} : { token }
}
