import { type Codec, protobufCodec } from './protobuf.ts'

/** https://github.com/libp2p/specs/blob/master/autonat/autonat-v2.md: on a stream of the peer that wants to know. */
export const DIAL_REQUEST_PROTOCOL = '/libp2p/autonat/2/dial-request'
/** On a new connection, from the server to the address that was asked about. */
export const DIAL_BACK_PROTOCOL = '/libp2p/autonat/2/dial-back'

export const DIAL_DATA = {
  /** Bytes that a server may ask for: more than a handshake costs the host that is dialled. */
  minBytes: 30_000,
  maxBytes: 100_000,
  /** Bytes of `data` in one message. */
  pieceBytes: 4_096
} as const

/** What a stream of either protocol takes as one message: a full piece with its tags, or 8 KiB of addresses as go-libp2p does. */
export const MAX_AUTONAT_BYTES = 8_192

export type ResponseStatus = 'E_INTERNAL_ERROR' | 'E_REQUEST_REJECTED' | 'E_DIAL_REFUSED' | 'OK'
export type DialStatus = 'UNUSED' | 'E_DIAL_ERROR' | 'E_DIAL_BACK_ERROR' | 'OK'

/** proto3: an absent field stands for 0, so absent statuses are `E_INTERNAL_ERROR` and `UNUSED`, and absent indices 0. */
export interface DialRequest {
  /** Binary multiaddrs, the one that matters most first. */
  readonly addrs: readonly Uint8Array[]
  readonly nonce?: bigint
}

export interface DialResponse {
  readonly status?: ResponseStatus
  /** Which of the addresses was dialled. */
  readonly addrIdx?: number
  readonly dialStatus?: DialStatus
}

export interface DialDataRequest {
  readonly addrIdx?: number
  readonly numBytes?: bigint
}

export interface DialDataResponse {
  readonly data?: Uint8Array
}

/** A message on a dial-request stream: one of its fields. */
export interface AutonatMessage {
  readonly dialRequest?: DialRequest
  readonly dialResponse?: DialResponse
  readonly dialDataRequest?: DialDataRequest
  readonly dialDataResponse?: DialDataResponse
}

export interface DialBack {
  readonly nonce?: bigint
}

export interface DialBackResponse {
  readonly status?: 'OK'
}

const optional = (type: string, id: number) => ({ type, id })

const definition = {
  nested: {
    Message: {
      edition: 'proto2',
      fields: {
        dialRequest: optional('DialRequest', 1),
        dialResponse: optional('DialResponse', 2),
        dialDataRequest: optional('DialDataRequest', 3),
        dialDataResponse: optional('DialDataResponse', 4)
      }
    },
    DialRequest: {
      edition: 'proto2',
      fields: { addrs: { rule: 'repeated', type: 'bytes', id: 1 }, nonce: optional('fixed64', 2) }
    },
    DialResponse: {
      edition: 'proto2',
      fields: {
        status: optional('ResponseStatus', 1),
        addrIdx: optional('uint32', 2),
        dialStatus: optional('DialStatus', 3)
      },
      nested: {
        ResponseStatus: {
          edition: 'proto2',
          values: { E_INTERNAL_ERROR: 0, E_REQUEST_REJECTED: 100, E_DIAL_REFUSED: 101, OK: 200 }
        }
      }
    },
    DialStatus: { edition: 'proto2', values: { UNUSED: 0, E_DIAL_ERROR: 100, E_DIAL_BACK_ERROR: 101, OK: 200 } },
    DialDataRequest: {
      edition: 'proto2',
      fields: { addrIdx: optional('uint32', 1), numBytes: optional('uint64', 2) }
    },
    DialDataResponse: { edition: 'proto2', fields: { data: optional('bytes', 1) } },
    DialBack: { edition: 'proto2', fields: { nonce: optional('fixed64', 1) } },
    DialBackResponse: {
      edition: 'proto2',
      fields: { status: optional('DialBackStatus', 1) },
      nested: { DialBackStatus: { edition: 'proto2', values: { OK: 0 } } }
    }
  }
}

// a nonce has 64 bits, and others use all of them
export const autonatCodec: Codec<AutonatMessage> = protobufCodec<AutonatMessage>(definition, 'Message', BigInt)
export const dialBackCodec: Codec<DialBack> = protobufCodec<DialBack>(definition, 'DialBack', BigInt)
export const dialBackResponseCodec: Codec<DialBackResponse> = protobufCodec<DialBackResponse>(
  definition,
  'DialBackResponse'
)
