import type { PeerId, PrivateKey } from '@libp2p/interface'
import { type RecordKind, sealRecord } from '../../libp2p/sealed-record.ts'
import { voucherCodec } from '../../wire/circuit.ts'

const KIND: RecordKind = { domain: 'libp2p-relay-rsvp', codec: Uint8Array.of(0x03, 0x02) }

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
  return await sealRecord(KIND, bytes, key)
}
