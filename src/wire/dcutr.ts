import { type Codec, protobufCodec } from './protobuf.ts'

/** https://github.com/libp2p/specs/blob/master/relay/DCUtR.md */
export const DCUTR_PROTOCOL = '/libp2p/dcutr'

/**
 * "Implementations SHOULD refuse encoded RPC messages (length prefix excluded) larger than 4 KiB", and go-libp2p and
 * rust-libp2p do.
 */
export const DCUTR_MAX_MESSAGE_BYTES = 4 * 1024

/** The one message of DCUtR. */
export interface HolePunch {
  readonly type: 'CONNECT' | 'SYNC'
  /** The sender's observed addresses, as binary multiaddrs; empty in a SYNC. */
  readonly observedAddresses: readonly Uint8Array[]
}

// proto2 numbers: 200 was an earlier draft's SYNC and must not be taken for today's
const definition = {
  nested: {
    HolePunch: {
      edition: 'proto2',
      fields: {
        type: { rule: 'required', type: 'Type', id: 1 },
        observedAddresses: { rule: 'repeated', type: 'bytes', id: 2 }
      },
      nested: { Type: { edition: 'proto2', values: { CONNECT: 100, SYNC: 300 } } }
    }
  }
}

export const holePunchCodec: Codec<HolePunch> = protobufCodec<HolePunch>(definition, 'HolePunch')
