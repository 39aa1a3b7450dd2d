import type { PrivateKey, Record } from '@libp2p/interface'
import { RecordEnvelope } from '@libp2p/peer-record'

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
