import { type Codec, protobufCodec } from './protobuf.ts'

/** https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md: what a peer asks of a relay. */
export const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop'
/** What a relay asks of the peer that is to be reached. */
export const STOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/stop'

export type CircuitStatus =
  | 'UNUSED'
  | 'OK'
  | 'RESERVATION_REFUSED'
  | 'RESOURCE_LIMIT_EXCEEDED'
  | 'PERMISSION_DENIED'
  | 'CONNECTION_FAILED'
  | 'NO_RESERVATION'
  | 'MALFORMED_MESSAGE'
  | 'UNEXPECTED_MESSAGE'

export interface CircuitPeer {
  /** The peer id's multihash. */
  readonly id: Uint8Array
  readonly addrs: readonly Uint8Array[]
}

export interface CircuitLimit {
  /** Seconds; absent or 0: no limit. */
  readonly duration?: number
  /** Bytes, each way by itself; absent or 0: no limit. */
  readonly data?: number
}

export interface CircuitReservation {
  /** When it ends, in seconds since 1970, UTC. */
  readonly expire: number
  /** The relay's own addresses, as binary multiaddrs. */
  readonly addrs: readonly Uint8Array[]
  /** A signed envelope with a reservation voucher. */
  readonly voucher?: Uint8Array
}

export interface HopMessage {
  readonly type?: 'RESERVE' | 'CONNECT' | 'STATUS'
  readonly peer?: CircuitPeer
  readonly reservation?: CircuitReservation
  readonly limit?: CircuitLimit
  readonly status?: CircuitStatus
  /** Ours, with RESERVE and CONNECT: what a hub that is not open to all wants to be shown. */
  readonly token?: string
  /** Ours, with a STATUS that is not OK: why, for people. */
  readonly reason?: string
}

export interface StopMessage {
  readonly type?: 'CONNECT' | 'STATUS'
  readonly peer?: CircuitPeer
  readonly limit?: CircuitLimit
  readonly status?: CircuitStatus
}

/** What a relay signs for a peer that has a reservation: domain `libp2p-relay-rsvp`, payload type 0x0302. */
export interface ReservationVoucher {
  readonly relay: Uint8Array
  readonly peer: Uint8Array
  readonly expiration: number
}

// as proto2: there every field is known to be there or not, which proto3 has for those marked optional only
const optional = (type: string, id: number) => ({ type, id })
const repeatedBytes = (id: number) => ({ rule: 'repeated', type: 'bytes', id })

const definition = {
  nested: {
    HopMessage: {
      edition: 'proto2',
      fields: {
        type: optional('Type', 1),
        peer: optional('Peer', 2),
        reservation: optional('Reservation', 3),
        limit: optional('Limit', 4),
        status: optional('Status', 5),
        // far from what the specification may come to use; who does not know them skips them
        token: optional('string', 100),
        reason: optional('string', 101)
      },
      nested: { Type: { edition: 'proto2', values: { RESERVE: 0, CONNECT: 1, STATUS: 2 } } }
    },
    StopMessage: {
      edition: 'proto2',
      fields: {
        type: optional('Type', 1),
        peer: optional('Peer', 2),
        limit: optional('Limit', 3),
        status: optional('Status', 4)
      },
      nested: { Type: { edition: 'proto2', values: { CONNECT: 0, STATUS: 1 } } }
    },
    Peer: { edition: 'proto2', fields: { id: optional('bytes', 1), addrs: repeatedBytes(2) } },
    Reservation: {
      edition: 'proto2',
      fields: { expire: optional('uint64', 1), addrs: repeatedBytes(2), voucher: optional('bytes', 3) }
    },
    Limit: { edition: 'proto2', fields: { duration: optional('uint32', 1), data: optional('uint64', 2) } },
    Status: {
      edition: 'proto2',
      values: {
        UNUSED: 0,
        OK: 100,
        RESERVATION_REFUSED: 200,
        RESOURCE_LIMIT_EXCEEDED: 201,
        PERMISSION_DENIED: 202,
        CONNECTION_FAILED: 203,
        NO_RESERVATION: 204,
        MALFORMED_MESSAGE: 400,
        UNEXPECTED_MESSAGE: 401
      }
    },
    ReservationVoucher: {
      edition: 'proto2',
      fields: { relay: optional('bytes', 1), peer: optional('bytes', 2), expiration: optional('uint64', 3) }
    }
  }
}

export const hopCodec: Codec<HopMessage> = protobufCodec<HopMessage>(definition, 'HopMessage')
export const stopCodec: Codec<StopMessage> = protobufCodec<StopMessage>(definition, 'StopMessage')
export const voucherCodec: Codec<ReservationVoucher> = protobufCodec<ReservationVoucher>(
  definition,
  'ReservationVoucher'
)
