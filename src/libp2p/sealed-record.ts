import type { PeerId, PrivateKey, Record } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { RecordEnvelope } from '@libp2p/peer-record'
import { NatError } from '../core/errors.ts'

/** What a kind of record is known by in its envelope (RFC 0002 of libp2p). */
export interface RecordKind {
  readonly domain: string
  /** The envelope's payload type. */
  readonly codec: Uint8Array
}

class EncodedRecord implements Record {
  readonly domain: string
  readonly codec: Uint8Array
  readonly #bytes: Uint8Array

  constructor({ domain, codec }: RecordKind, bytes: Uint8Array) {
    this.domain = domain
    this.codec = codec
    this.#bytes = bytes
  }

  marshal(): Uint8Array {
    return this.#bytes
  }

  equals(other: Record): boolean {
    return Buffer.compare(this.#bytes, other.marshal()) === 0
  }
}

/** An encoded record in a signed envelope (RFC 0002 of libp2p). */
export async function sealRecord(kind: RecordKind, bytes: Uint8Array, key: PrivateKey): Promise<Uint8Array> {
  return (await RecordEnvelope.seal(new EncodedRecord(kind, bytes), key)).marshal()
}

export interface Unsealed {
  /** Who has signed it. */
  readonly peer: PeerId
  readonly payload: Uint8Array
}

/**
 * Opens a signed envelope of that kind.
 *
 * @param what it is, for errors: `an offer`
 * @param from who has to have signed it; undefined: anybody
 * @throws NatError MALFORMED; WRONG_PEER when somebody else has signed it
 */
export async function unsealRecord(
  kind: RecordKind,
  bytes: Uint8Array,
  what: string,
  from?: PeerId
): Promise<Unsealed> {
  const { envelope, ...unsealed } = read(kind, bytes, what, from)
  // some kinds of keys throw for what is no signature at all
  if (!(await envelope.validate(kind.domain).catch(() => false))) {
    throw new NatError('MALFORMED', `${what} whose signature does not fit`, { details: { forged: true } })
  }
  return unsealed
}

/**
 * Reads what a signed envelope of that kind says, and who is said to have signed it, which is not checked.
 *
 * @param from who has to be said to have signed it; undefined: anybody
 * @throws NatError MALFORMED; WRONG_PEER when somebody else is
 */
export function readUnchecked(kind: RecordKind, bytes: Uint8Array, what: string, from?: PeerId): Unsealed {
  const { peer, payload } = read(kind, bytes, what, from)
  return { peer, payload }
}

function read(
  { codec }: RecordKind,
  bytes: Uint8Array,
  what: string,
  from: PeerId | undefined
): Unsealed & { readonly envelope: RecordEnvelope } {
  const envelope = opened(bytes)
  if (Buffer.compare(envelope.payloadType, codec) !== 0) {
    throw new NatError('MALFORMED', `a signed envelope with something else than ${what}`)
  }
  const peer = peerIdFromPublicKey(envelope.publicKey)
  // cheaper than to check the signature of somebody whom nobody has asked
  if (from != null && !peer.equals(from)) throw new NatError('WRONG_PEER', `${from} has not signed ${what}`)
  return { peer, payload: envelope.payload.subarray(), envelope }
}

function opened(bytes: Uint8Array): RecordEnvelope {
  try {
    return RecordEnvelope.createFromProtobuf(bytes)
  } catch (cause) {
    throw new NatError('MALFORMED', `not a signed envelope: ${(cause as Error).message}`, { cause })
  }
}
