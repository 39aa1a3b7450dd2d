import type { AbortOptions, Connection, Stream } from '@libp2p/interface'
import { HOP_PROTOCOL } from '../../wire/circuit.ts'

/**
 * js-libp2p lets 64 streams of a protocol run over one connection where nobody says otherwise. Each relayed connection and each link at a relay
 * is one of them, for as long as it lives, and so is the renewal of the reservation, which must not fail for that. A hub of ours takes as many.
 */
const MAX_HOP_STREAMS = 1_024

/** A stream on which a relay is asked for something. @throws what opening a stream throws */
export function openHop(relay: Connection, { signal }: AbortOptions): Promise<Stream> {
  return relay.newStream(HOP_PROTOCOL, { ...(signal == null ? {} : { signal }), maxOutboundStreams: MAX_HOP_STREAMS })
}
