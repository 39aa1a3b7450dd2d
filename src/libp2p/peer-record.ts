import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../core/errors.ts'
import { MAX_RECORD_ADDRESSES, MAX_RECORD_BYTES, RECORD_LIFETIME, recordCodec } from '../wire/record.ts'
import type { NetworkSummary } from '../wire/summary.ts'
import { type RecordKind, readUnchecked, sealRecord, type Unsealed, unsealRecord } from './sealed-record.ts'

/** 0x3000bf, of the multicodec table's range for private use; big-endian, as libp2p writes its own. */
const RECORDS: RecordKind = { domain: 'beeline-peer-record', codec: Uint8Array.of(0x30, 0x00, 0xbf) }

/** Where a peer is, as it says itself. */
export interface KnownPeer {
  readonly peer: PeerId
  /** Higher in each record than in the one before. */
  readonly seq: number
  /** When the record was made, by the peer's clock: seconds since 1970. */
  readonly issuedAtSeconds: number
  readonly lifetimeSeconds: number
  /** Without the peer's own id; those of relays end with `/p2p/RELAY/p2p-circuit`. */
  readonly addresses: readonly Multiaddr[]
  readonly summary?: NetworkSummary
  /** It says that it is nowhere any more. */
  readonly left: boolean
}

export interface RecordInit {
  readonly seq: number
  /** @default now, by this machine's clock */
  readonly issuedAtSeconds?: number
  /** @default an hour */
  readonly lifetimeSeconds?: number
  /** At most 32 of them count. With the peer's own id at the end, or without. */
  readonly addresses?: readonly Multiaddr[]
  readonly summary?: NetworkSummary | undefined
  /** @default false */
  readonly left?: boolean
}

/**
 * Makes and signs a record of where a peer is (libp2p RFC 0002 has the envelope, docs/rendezvous.md the record).
 *
 * @throws NatError MALFORMED for what no record may hold
 */
export async function sealPeerRecord(key: PrivateKey, init: RecordInit): Promise<Uint8Array> {
  const peer = peerIdFromPrivateKey(key)
  const { addresses = [], summary, left = false } = init
  const own = `/p2p/${peer}`
  const record = {
    peer: peer.toMultihash().bytes,
    seq: init.seq,
    issuedAtSeconds: init.issuedAtSeconds ?? Math.floor(Date.now() / 1_000),
    lifetimeSeconds: init.lifetimeSeconds ?? RECORD_LIFETIME.usual,
    addresses: addresses.slice(0, MAX_RECORD_ADDRESSES).map(each => {
      return each.toString().endsWith(own) ? each.decapsulate(own).bytes : each.bytes
    }),
    left
  }
  const bytes = recordCodec.encode(summary == null ? record : { ...record, summary })
  const envelope = await sealRecord(RECORDS, bytes, key)
  if (envelope.length > MAX_RECORD_BYTES) {
    throw new NatError('MALFORMED', `a record of ${envelope.length} bytes: at most ${MAX_RECORD_BYTES} are kept`)
  }
  return envelope
}

/**
 * Opens a record that anybody may have handed out: what it says, its peer has said.
 *
 * @param of whose it has to be; undefined: anybody's
 * @throws NatError MALFORMED; WRONG_PEER when it is another peer's
 */
export async function openPeerRecord(envelope: Uint8Array, of?: PeerId): Promise<KnownPeer> {
  assertShort(envelope)
  const { addresses, ...said } = ownRecord(await unsealRecord(RECORDS, envelope, 'a record', of))
  return { ...said, addresses: addresses.flatMap(readable) }
}

/**
 * Whether it is worth it to check a record's signature: all that can be wrong with it is looked at but that, at a fraction of the cost.
 *
 * @throws what {@link openPeerRecord} would, unless the signature is what is wrong
 */
export function assertWorthChecking(envelope: Uint8Array, of?: PeerId): void {
  assertShort(envelope)
  ownRecord(readUnchecked(RECORDS, envelope, 'a record', of))
}

function assertShort({ length }: Uint8Array): void {
  if (length > MAX_RECORD_BYTES) throw new NatError('MALFORMED', `a record of ${length} bytes`)
}

function ownRecord({ peer, payload }: Unsealed) {
  const { peer: named, ...said } = recordCodec.decode(payload)
  if (Buffer.compare(named, peer.toMultihash().bytes) !== 0) {
    throw new NatError('WRONG_PEER', `${peer} has signed a record of another peer`)
  }
  return { ...said, peer }
}

/**
 * Whether a record says that its peer has left, unless somebody has forged it: for who has it checked anyway.
 *
 * @throws NatError MALFORMED
 */
export function saysGoodbye(envelope: Uint8Array): boolean {
  return recordCodec.decode(readUnchecked(RECORDS, envelope, 'a record').payload).left
}

/** Addresses of a kind that we do not know are passed over. */
function readable(bytes: Uint8Array): Multiaddr[] {
  try {
    return [multiaddr(bytes)]
  } catch {
    return []
  }
}
