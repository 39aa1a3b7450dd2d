import { malformed, sized, within } from './fields.ts'
import { type Codec, protobufCodec } from './protobuf.ts'
import { MAX_RECORD_BYTES } from './record.ts'

/** One stream of it goes from a node to each of its hubs, for as long as the connection lasts: requests, their answers, and news. docs/rendezvous.md */
export const RENDEZVOUS_PROTOCOL = '/beeline/rendezvous/1.0.0'

/** The longest message either way: a record, and what is around it. */
export const MAX_RENDEZVOUS_BYTES = MAX_RECORD_BYTES + 1_024

/** What a node says to a hub. `request` is a number of its own, which comes back in the ANSWER. */
export type RendezvousRequest =
  /** Leaves a record of ours, or of our having left: a signed envelope with a PeerRecord. */
  | { readonly type: 'REGISTER'; readonly request: number; readonly envelope: Uint8Array }
  /** Asks for a peer's record. */
  | { readonly type: 'QUERY'; readonly request: number; readonly peer: Uint8Array }
  /** The same, and NEWS of it from now on. */
  | { readonly type: 'WATCH'; readonly request: number; readonly peer: Uint8Array }
  | { readonly type: 'UNWATCH'; readonly request: number; readonly peer: Uint8Array }
  /** Has the hub tell a peer that we want a connection, with a record of ours by which it can make one. */
  | { readonly type: 'CALL'; readonly request: number; readonly peer: Uint8Array; readonly envelope: Uint8Array }
  /** What a later version asks. It is read, so that it can be answered, and never written. */
  | { readonly type: 'UNKNOWN'; readonly request: number }

export type KnownRequest = Exclude<RendezvousRequest, Unknown>

/** What a hub says to a node. */
export type RendezvousEvent =
  | {
      readonly type: 'ANSWER'
      readonly request: number
      readonly status: RendezvousStatus
      /** The record that was asked for; with NOT_FOUND the peer's goodbye, if it has said one; to a REGISTER that was STALE, the newer one that is kept. */
      readonly envelope?: Uint8Array
      /** For people: what was wrong. At most {@link MAX_DETAIL} characters. */
      readonly detail?: string
      /** To a REGISTER that was OK: how long the hub keeps the record, which may be less than was asked for. */
      readonly lifetimeSeconds?: number
    }
  /** A peer that is watched has come or changed (its record), or is gone (none). */
  | { readonly type: 'NEWS'; readonly peer: Uint8Array; readonly envelope?: Uint8Array }
  /** A peer wants a connection: its record. */
  | { readonly type: 'CALLED'; readonly envelope: Uint8Array }
  /** What a later version says. It is read, so that it can be passed over, and never written. */
  | { readonly type: 'UNKNOWN' }

/** What a request came to. The HTTP API has a status for each of them. */
export type RendezvousStatus =
  | 'OK'
  /** No record of that peer; or, to a CALL, it is not connected to any hub here. */
  | 'NOT_FOUND'
  /** A newer record of that peer is kept. */
  | 'STALE'
  /** It cannot be read, is not what its signature says, or is somebody else's. */
  | 'BAD_RECORD'
  /** The record's time is more than a day from the hub's. */
  | 'BAD_CLOCK'
  /** This hub is not for everybody: by token, or a list of peers. */
  | 'FORBIDDEN'
  /** Too many, too large or too fast. */
  | 'LIMIT'
  /** The hub's store does not answer: later. */
  | 'UNAVAILABLE'

export const MAX_DETAIL = 256
const MAX_MULTIHASH_BYTES = 64

type Unknown = { readonly type: 'UNKNOWN' }

interface WireRequest {
  readonly type?: KnownRequest['type']
  readonly request?: number
  readonly peer?: Uint8Array
  readonly envelope?: Uint8Array
}

interface WireEvent {
  readonly type?: Exclude<RendezvousEvent, Unknown>['type']
  readonly request?: number
  readonly status?: RendezvousStatus
  readonly peer?: Uint8Array
  readonly envelope?: Uint8Array
  readonly detail?: string
  readonly lifetime?: number
}

const field = (type: string, id: number) => ({ type, id })

const definition = {
  nested: {
    Request: {
      edition: 'proto2',
      fields: {
        type: field('Type', 1),
        request: field('uint32', 2),
        peer: field('bytes', 3),
        envelope: field('bytes', 4)
      },
      nested: {
        Type: { edition: 'proto2', values: { REGISTER: 1, QUERY: 2, WATCH: 3, UNWATCH: 4, CALL: 5 } }
      }
    },
    Event: {
      edition: 'proto2',
      fields: {
        type: field('Type', 1),
        request: field('uint32', 2),
        status: field('Status', 3),
        peer: field('bytes', 4),
        envelope: field('bytes', 5),
        detail: field('string', 6),
        lifetime: field('uint32', 7)
      },
      nested: {
        Type: { edition: 'proto2', values: { ANSWER: 1, NEWS: 2, CALLED: 3 } },
        Status: {
          edition: 'proto2',
          values: {
            OK: 1,
            NOT_FOUND: 2,
            STALE: 3,
            BAD_RECORD: 4,
            BAD_CLOCK: 5,
            FORBIDDEN: 6,
            LIMIT: 7,
            UNAVAILABLE: 8
          }
        }
      }
    }
  }
}

const requests = protobufCodec<WireRequest>(definition, 'Request')
const events = protobufCodec<WireEvent>(definition, 'Event')

export const rendezvousRequestCodec: Codec<RendezvousRequest> = {
  encode(message) {
    if (message.type === 'UNKNOWN') throw malformed('a request of no known type')
    return requests.encode(checkedRequest(message))
  },
  decode(input) {
    const message = requests.decode(input)
    return message.type == null ? { type: 'UNKNOWN', request: numberOf(message) } : checkedRequest(message)
  }
}

export const rendezvousEventCodec: Codec<RendezvousEvent> = {
  encode(event) {
    if (event.type === 'UNKNOWN') throw malformed('an event of no known type')
    if (event.type !== 'ANSWER') return events.encode(checkedEvent(event))
    const { lifetimeSeconds: lifetime, detail, ...answer } = event
    return events.encode({
      ...answer,
      ...(detail == null ? {} : { detail: detail.slice(0, MAX_DETAIL) }),
      ...(lifetime == null ? {} : { lifetime })
    })
  },
  decode(input) {
    const message = events.decode(input)
    return message.type == null ? { type: 'UNKNOWN' } : checkedEvent(message)
  }
}

function checkedRequest(message: WireRequest): KnownRequest {
  const { type } = message
  const request = numberOf(message)
  switch (type) {
    case 'REGISTER':
      return { type, request, envelope: envelopeOf(message) }
    case 'QUERY':
    case 'WATCH':
    case 'UNWATCH':
      return { type, request, peer: peerOf(message) }
    case 'CALL':
      return { type, request, peer: peerOf(message), envelope: envelopeOf(message) }
    case undefined:
      throw malformed('a request of no known type')
    default:
      return type satisfies never
  }
}

function checkedEvent(message: WireEvent): Exclude<RendezvousEvent, Unknown> {
  const { type, status, detail, lifetime } = message
  const envelope = message.envelope == null ? {} : { envelope: envelopeOf(message) }
  switch (type) {
    case 'ANSWER':
      // a status of a later version is a refusal too
      return {
        type,
        request: numberOf(message),
        status: status ?? 'UNAVAILABLE',
        ...envelope,
        ...(detail == null ? {} : { detail: detail.slice(0, MAX_DETAIL) }),
        ...(lifetime == null ? {} : { lifetimeSeconds: lifetime })
      }
    case 'NEWS':
      return { type, peer: peerOf(message), ...envelope }
    case 'CALLED':
      return { type, envelope: envelopeOf(message) }
    case undefined:
      throw malformed('an event of no known type')
    default:
      return type satisfies never
  }
}

function numberOf({ request }: Pick<WireRequest, 'request'>): number {
  return within(request, 0, 0xffff_ffff, 'request')
}

function peerOf({ peer }: Pick<WireRequest, 'peer'>): Uint8Array {
  return sized(peer, 1, MAX_MULTIHASH_BYTES, 'peer')
}

function envelopeOf({ envelope }: Pick<WireRequest, 'envelope'>): Uint8Array {
  return sized(envelope, 1, MAX_RECORD_BYTES, 'record')
}
