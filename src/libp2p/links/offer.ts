import {
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  timingSafeEqual
} from 'node:crypto'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import type { CheckKeys } from '../../traversal/paths/api.ts'
import { MAX_DATAGRAM_BYTES } from '../../wire/datagrams.ts'
import { type LinkAttach, type LinkOffer, linkOfferCodec } from '../../wire/link.ts'
import type { PathCandidate } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import { type RecordKind, sealRecord, unsealRecord } from '../sealed-record.ts'

const DOMAIN = 'beeline-link-offer'
/** 0x3000be, of the multicodec table's range for private use; big-endian, as libp2p writes its own. */
const OFFERS: RecordKind = { domain: DOMAIN, codec: Uint8Array.of(0x30, 0x00, 0xbe) }
const ID_BYTES = 8
const KEY_BYTES = 32
const NOTHING = new Uint8Array(0)

/** The envelope's place in a hello's frame, with room for the hello's own tags. */
const MAX_ENVELOPE_BYTES = MAX_DATAGRAM_BYTES - 8

/** What we tell the other side of ourselves. */
export interface Told {
  readonly candidates: readonly PathCandidate[]
  /** As long as it is not known, none. */
  readonly summary?: NetworkSummary | undefined
}

/** An offer of ours. The secret leaves it only by {@link linkKeys}. */
export interface MadeOffer {
  readonly envelope: Uint8Array
  /** SHA-256 of the envelope. */
  readonly hash: Uint8Array
  readonly secret: KeyObject
}

/** An offer of the other side, signed by it, for us. */
export interface OpenedOffer extends Told {
  readonly hash: Uint8Array
  readonly key: Uint8Array
}

/** What only the two sides of a link know, whatever relays carry it. */
export interface LinkKeys {
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly checks: CheckKeys
  /** For further pipes: what each side proves to be of the link with. */
  readonly attach: { readonly mine: Uint8Array; readonly theirs: Uint8Array }
}

/**
 * Offers a peer a link: a fresh X25519 key, our candidates and what our network is like, signed by our identity.
 *
 * @param answers the other side's offer, when it came first
 */
export async function makeOffer(
  key: PrivateKey,
  to: PeerId,
  { candidates, summary }: Told,
  answers?: OpenedOffer
): Promise<MadeOffer> {
  const { publicKey, privateKey: secret } = generateKeyPairSync('x25519')
  const offer = {
    key: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
    to: to.toMultihash().bytes,
    ...(answers == null ? {} : { answers: answers.hash })
  }
  const bare = { ...offer, candidates }
  let envelope = await sealed(key, summary == null ? bare : { ...bare, summary })
  // with a very long RSA key: what is left out here comes by the path stream, and candidates are what the first checks need
  if (summary != null && envelope.length > MAX_ENVELOPE_BYTES) envelope = await sealed(key, bare)
  if (envelope.length > MAX_ENVELOPE_BYTES) envelope = await sealed(key, { ...offer, candidates: [] })
  return { envelope, hash: sha256(envelope), secret }
}

/**
 * Opens an offer that has come from somebody who says to be `from`.
 *
 * @param answers ours, when it went first
 * @throws NatError MALFORMED; WRONG_PEER when somebody else has signed it, or it is not meant for us, or answers another offer
 */
export async function openOffer(
  envelope: Uint8Array,
  from: PeerId,
  self: PeerId,
  answers?: MadeOffer
): Promise<OpenedOffer> {
  const { key, to, candidates, summary, answers: answered } = await unsealed(envelope, from)
  if (Buffer.compare(to, self.toMultihash().bytes) !== 0) throw wrong(from, 'has offered a link to somebody else')
  // an answer is no first offer either: whoever has heard one could begin another link with it
  if (Buffer.compare(answered ?? NOTHING, answers?.hash ?? NOTHING) !== 0) throw wrong(from, 'answers another offer')
  return { hash: sha256(envelope), key, candidates, summary }
}

/**
 * The keys of a link, out of both offers. HKDF-SHA256 (RFC 5869) over the X25519 secret, salted with both envelopes' hashes, the
 * dialler's first: nobody can move one side's offer into another link.
 *
 * @param role the dialler is `controlling`
 * @throws NatError MALFORMED for a key that makes a secret which everybody knows (RFC 7748 section 6.1)
 */
export function linkKeys(mine: MadeOffer, theirs: OpenedOffer, role: 'controlling' | 'controlled'): LinkKeys {
  const us = role === 'controlling' ? 0 : 1
  const hashes = us === 0 ? [mine.hash, theirs.hash] : [theirs.hash, mine.hash]
  const secret = agree(mine.secret, theirs.key)
  const bytes = new Uint8Array(hkdfSync('sha256', secret, Buffer.concat(hashes), DOMAIN, ID_BYTES + 4 * KEY_BYTES))
  const id = Buffer.from(bytes.subarray(0, ID_BYTES)).toString('hex')
  // the dialler's key for checks, the other side's, and the two for pipes in the same order
  const key = (index: number) => bytes.slice(ID_BYTES + index * KEY_BYTES, ID_BYTES + (index + 1) * KEY_BYTES)
  return {
    id,
    checks: { link: id, mine: key(us), theirs: key(1 - us) },
    attach: { mine: key(2 + us), theirs: key(3 - us) }
  }
}

/** What proves that a further pipe is of this link. @param number higher than any before */
export function makeAttach(keys: LinkKeys, number: number): LinkAttach {
  return { link: Buffer.from(keys.id, 'hex'), number, mac: attachMac(keys.attach.mine, keys.id, number) }
}

/** Whether the other side of this link has attached that pipe. @param above the highest number of it so far: an older one is a replay */
export function checkAttach(keys: LinkKeys, { link, number, mac }: LinkAttach, above: number): boolean {
  if (Buffer.from(link).toString('hex') !== keys.id || number <= above) return false
  const expected = attachMac(keys.attach.theirs, keys.id, number)
  return mac.length === expected.length && timingSafeEqual(mac, expected)
}

async function sealed(key: PrivateKey, offer: LinkOffer): Promise<Uint8Array> {
  return await sealRecord(OFFERS, linkOfferCodec.encode(offer), key)
}

async function unsealed(bytes: Uint8Array, from: PeerId): Promise<LinkOffer> {
  return linkOfferCodec.decode((await unsealRecord(OFFERS, bytes, 'an offer', from)).payload)
}

function agree(privateKey: KeyObject, theirs: Uint8Array): Buffer {
  const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(theirs).toString('base64url') }
  try {
    // OpenSSL refuses a secret of zeros
    return diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) })
  } catch (cause) {
    throw new NatError('MALFORMED', 'an offer whose key makes no secret', { cause })
  }
}

function attachMac(key: Uint8Array, id: string, number: number): Buffer {
  const text = Buffer.alloc(16)
  text.write(id, 'hex')
  text.writeBigUInt64BE(BigInt(number), 8)
  return createHmac('sha256', key).update(text).digest()
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

function wrong(from: PeerId, what: string): NatError {
  return new NatError('WRONG_PEER', `${from} ${what}`)
}
