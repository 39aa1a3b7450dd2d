import { type Codec, protobufCodec } from './protobuf.ts'

/** https://github.com/libp2p/specs/blob/master/relay/DCUtR.md */
export const DCUTR_PROTOCOL = '/libp2p/dcutr'

/** The one message of DCUtR. */
export interface HolePunch {
  readonly type: 'CONNECT' | 'SYNC'
  /** The sender's observed addresses, as binary multiaddrs; empty in a SYNC. */
  readonly observedAddresses: readonly Uint8Array[]
  /**
   * Ours, in a CONNECT; other implementations skip it. Of the initiator: it can begin the moment the answer arrives. Of
   * the receiver: it begins half a round trip after its answer, and waits for no SYNC. Both then begin together, as with
   * a SYNC, and a relayed round trip earlier.
   */
  readonly prompt?: boolean
}

// proto2 numbers: 200 was an earlier draft's SYNC and must not be taken for today's
const definition = {
  nested: {
    HolePunch: {
      edition: 'proto2',
      fields: {
        type: { rule: 'required', type: 'Type', id: 1 },
        observedAddresses: { rule: 'repeated', type: 'bytes', id: 2 },
        // far from what a later version of the specification may take
        prompt: { type: 'bool', id: 8_001 }
      },
      nested: { Type: { edition: 'proto2', values: { CONNECT: 100, SYNC: 300 } } }
    }
  }
}

export const holePunchCodec: Codec<HolePunch> = protobufCodec<HolePunch>(definition, 'HolePunch')
