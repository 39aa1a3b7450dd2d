import { atMost, malformed, sized, within } from './fields.ts'
import { type Codec, protobufCodec } from './protobuf.ts'
import { type NetworkSummary, readableSummary, summaryCodec } from './summary.ts'

/** What a peer leaves at hubs so that others find it by its id alone. It travels in an envelope that the peer has signed. */
export interface PeerRecord {
  /** The multihash of the peer's id: it has to be that of the key that signed it. */
  readonly peer: Uint8Array
  /** Of two records of a peer the one with the higher number counts. Milliseconds since 1970 when it was made, unless that would not be higher than the one before. */
  readonly seq: number
  /** When it was made, by the peer's own clock: seconds since 1970. */
  readonly issuedAtSeconds: number
  /** How long it is to be kept: {@link RECORD_LIFETIME}. */
  readonly lifetimeSeconds: number
  /** Binary multiaddrs without the peer's own id: those of relays end with `/p2p/RELAY/p2p-circuit`. */
  readonly addresses: readonly Uint8Array[]
  /** What the peer's network is like; absent while that is not known, and when it cannot be read. */
  readonly summary?: NetworkSummary
  /** The peer has left: it is nowhere, and all earlier records are void. */
  readonly left: boolean
}

/** Seconds. Beyond a day nobody should rely on an address; below a minute a record would be renewed all the time. */
export const RECORD_LIFETIME = { min: 60, usual: 3_600, max: 86_400 } as const
/** A node has a handful of its own addresses, and those of its relays: a few interfaces, each with a few transports. */
export const MAX_RECORD_ADDRESSES = 32
const MAX_ADDRESS_BYTES = 256
/** A signed envelope: an RSA key of 4,096 bits takes 1.1 kB of it. */
export const MAX_RECORD_BYTES = 8 * 1024
/** The longest of a peer id that is in use is an Ed25519 key in an identity multihash: 38. */
const MAX_MULTIHASH_BYTES = 64

interface WireRecord {
  readonly peer?: Uint8Array
  readonly seq?: number
  readonly issuedAt?: number
  readonly lifetime?: number
  readonly addresses: readonly Uint8Array[]
  readonly summary?: Uint8Array
  readonly left?: boolean
}

const definition = {
  nested: {
    PeerRecord: {
      // proto2: what is absent differs from 0
      edition: 'proto2',
      fields: {
        peer: { type: 'bytes', id: 1 },
        seq: { type: 'uint64', id: 2 },
        issuedAt: { type: 'uint64', id: 3 },
        lifetime: { type: 'uint32', id: 4 },
        addresses: { rule: 'repeated', type: 'bytes', id: 5 },
        // as bytes: one of a later version with other bounds must not spoil the record
        summary: { type: 'bytes', id: 6 },
        left: { type: 'bool', id: 7 }
      }
    }
  }
}

const records = protobufCodec<WireRecord>(definition, 'PeerRecord')

export const recordCodec: Codec<PeerRecord> = {
  encode(record) {
    const { summary } = record
    const { peer, seq, issuedAtSeconds, lifetimeSeconds, addresses, left } = checked(record)
    return records.encode({
      peer,
      seq,
      issuedAt: issuedAtSeconds,
      lifetime: lifetimeSeconds,
      addresses,
      ...(summary == null ? {} : { summary: summaryCodec.encode(summary) }),
      ...(left ? { left } : {})
    })
  },
  decode(input) {
    const { peer, seq, issuedAt, lifetime, addresses, summary: encoded, left = false } = records.decode(input)
    const summary = encoded == null ? undefined : readableSummary(encoded)
    return {
      ...checked({ peer, seq, issuedAtSeconds: issuedAt, lifetimeSeconds: lifetime, addresses, left }),
      ...(summary == null ? {} : { summary })
    }
  }
}

type Bare = Omit<PeerRecord, 'summary'>

function checked(record: { readonly [K in keyof Bare]: Bare[K] | undefined }): Bare {
  const { min, max } = RECORD_LIFETIME
  const addresses = atMost(record.addresses ?? [], MAX_RECORD_ADDRESSES, 'addresses')
  const left = record.left === true
  if (left && addresses.length > 0) throw malformed('addresses of a peer that has left')
  return {
    peer: sized(record.peer, 1, MAX_MULTIHASH_BYTES, 'peer'),
    seq: within(record.seq, 0, Number.MAX_SAFE_INTEGER, 'sequence number'),
    issuedAtSeconds: within(record.issuedAtSeconds, 0, Number.MAX_SAFE_INTEGER, 'time'),
    lifetimeSeconds: within(record.lifetimeSeconds, min, max, 'lifetime'),
    addresses: addresses.map(each => sized(each, 1, MAX_ADDRESS_BYTES, 'address')),
    left
  }
}
