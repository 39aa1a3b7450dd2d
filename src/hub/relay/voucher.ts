import type { PeerId, PrivateKey, Record } from '@libp2p/interface'
import { RecordEnvelope } from '@libp2p/peer-record'
import { voucherCodec } from '../../wire/circuit.ts'

class Voucher implements Record {
  readonly domain = 'libp2p-relay-rsvp'
  readonly codec = Uint8Array.of(0x03, 0x02)
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  marshal(): Uint8Array {
    return this.#bytes
  }

  equals(other: Record): boolean {
    return Buffer.compare(this.#bytes, other.marshal()) === 0
  }
}

/** A reservation voucher in its signed envelope (circuit-v2.md, "Reservation Vouchers"; RFC 0002 of libp2p). */
export async function signVoucher(
  key: PrivateKey,
  relay: PeerId,
  peer: PeerId,
  expirationSeconds: number
): Promise<Uint8Array> {
  const bytes = voucherCodec.encode({
    relay: relay.toMultihash().bytes,
    peer: peer.toMultihash().bytes,
    expiration: expirationSeconds
  })
  return (await RecordEnvelope.seal(new Voucher(bytes), key)).marshal()
}
