import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import { openPeerRecord, type RecordInit, sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import { sealRecord } from '../../src/libp2p/sealed-record.ts'
import { MAX_RECORD_ADDRESSES, MAX_RECORD_BYTES, recordCodec } from '../../src/wire/record.ts'
import { bin, hex } from '../wire/bytes.ts'
import { HOME } from '../wire/networks.ts'

const KIND = { domain: 'beeline-peer-record', codec: bin('3000bf') }
const HUB = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'

// docs/rendezvous.md publishes these: the seed of the key is the bytes 00 to 1f
const key = await generateKeyPairFromSeed(
  'Ed25519',
  Uint8Array.from({ length: 32 }, (_, i) => i)
)
const peer = peerIdFromPrivateKey(key)
const other = await generateKeyPair('Ed25519')
const said: RecordInit = {
  seq: 1_700_000_000_000,
  issuedAtSeconds: 1_700_000_000,
  lifetimeSeconds: 3_600,
  addresses: [
    multiaddr('/ip4/198.51.100.7/udp/4001/quic-v1'),
    multiaddr(`/ip4/203.0.113.1/tcp/4001/p2p/${HUB}/p2p-circuit`)
  ]
}
const PUBLIC_KEY = '0801 1220 03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'
const PAYLOAD = [
  `0a26 0024 ${PUBLIC_KEY}`,
  '1080d095ffbc31 1880e2cfaa06 20901c',
  '2a0b 04c6336407 91020fa1 cd03',
  '2a33 04cb007101 060fa1 a50326 0024080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29 a202'
].join(' ')
const VECTOR = [
  `0a24 ${PUBLIC_KEY}`,
  '1203 3000bf',
  `1a7a ${PAYLOAD}`,
  '2a40 83c267a8c0ed3259d1e3051cc1de20ebf0542f2b0613ede944661ca6adbf1fd1d817d027fac4c2e18d49862cd61763f4ad5b97b1a9d422d9010d50194d56f301'
].join(' ')
const GOODBYE = [
  `0a24 ${PUBLIC_KEY}`,
  '1203 3000bf',
  `1a3a 0a26 0024 ${PUBLIC_KEY} 1081d095ffbc31 1880e2cfaa06 20901c 3801`,
  '2a40 5ec5e64127a0777dc80b809df107adb0421bbea9fd79892cb2489a5666f65c9a650616b9f7d6665bf0829251f074c698b829556eab183a499449c8f5d33ca10f'
].join(' ')

test('the published record: its bytes, and what they say', async () => {
  assert.equal(peer.toString(), '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB')
  assert.equal(hex(await sealPeerRecord(key, said)), VECTOR.replaceAll(' ', ''))
  const { addresses, peer: signer, ...rest } = await openPeerRecord(bin(VECTOR), peer)
  assert.ok(signer.equals(peer))
  assert.deepEqual(addresses.map(String), said.addresses!.map(String))
  const { seq, issuedAtSeconds, lifetimeSeconds } = said
  assert.deepEqual(rest, { seq, issuedAtSeconds, lifetimeSeconds, left: false })
})

test('the published goodbye', async () => {
  const { issuedAtSeconds } = said
  const goodbye = await sealPeerRecord(key, { seq: said.seq + 1, issuedAtSeconds: issuedAtSeconds!, left: true })
  assert.equal(hex(goodbye), GOODBYE.replaceAll(' ', ''))
  const opened = await openPeerRecord(goodbye)
  assert.equal(opened.left, true)
  assert.deepEqual(opened.addresses, [])
})

test('docs/rendezvous.md has both', async () => {
  const page = await readFile(new URL('../../docs/rendezvous.md', import.meta.url), 'utf8')
  const blocks = page.split('```').filter((_, i) => i % 2 === 1)
  const bytes = blocks.map(block => (block.match(/\b[0-9a-f]{4,}\b/g) ?? []).join(''))
  for (const vector of [VECTOR, GOODBYE]) assert.ok(bytes.includes(vector.replaceAll(' ', '')))
})

test('the signature is over domain, type and payload, each behind its length: checked without libp2p', () => {
  const part = (bytes: Uint8Array) => Buffer.concat([Uint8Array.of(bytes.length), bytes])
  const signed = Buffer.concat([part(Buffer.from(KIND.domain)), part(KIND.codec), part(bin(PAYLOAD))])
  const x = Buffer.from(bin(PUBLIC_KEY).subarray(4)).toString('base64url')
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  assert.ok(verify(null, signed, publicKey, bin(VECTOR).subarray(-64)))
})

for (const type of ['Ed25519', 'secp256k1', 'RSA'] as const) {
  test(`a key of the kind ${type} signs, and its id is the record's`, async () => {
    const its = type === 'RSA' ? await generateKeyPair('RSA', 2_048) : await generateKeyPair(type)
    const opened = await openPeerRecord(await sealPeerRecord(its, said), peerIdFromPrivateKey(its))
    assert.ok(opened.peer.equals(peerIdFromPrivateKey(its)))
  })
}

test('an address ends before the peer that it is of, and what is too many is left out', async () => {
  const addresses = Array.from({ length: 40 }, (_, i) => multiaddr(`/ip4/198.51.100.7/tcp/${i + 1}/p2p/${peer}`))
  const opened = await openPeerRecord(await sealPeerRecord(key, { ...said, addresses, summary: HOME }))
  assert.deepEqual(
    opened.addresses.map(String),
    addresses.slice(0, MAX_RECORD_ADDRESSES).map((_, i) => `/ip4/198.51.100.7/tcp/${i + 1}`)
  )
  assert.deepEqual(opened.summary, HOME)
})

test('an address of a kind that we do not know is passed over', async () => {
  const bytes = recordCodec.encode({
    peer: peer.toMultihash().bytes,
    seq: 1,
    issuedAtSeconds: 0,
    lifetimeSeconds: 60,
    addresses: [bin('ffff01'), multiaddr('/ip4/198.51.100.7/tcp/1').bytes],
    left: false
  })
  const opened = await openPeerRecord(await sealRecord(KIND, bytes, key))
  assert.deepEqual(opened.addresses.map(String), ['/ip4/198.51.100.7/tcp/1'])
})

test('a record that would be too long is not made', async () => {
  const name = 'a'.repeat(230)
  const addresses = Array.from({ length: 40 }, () => multiaddr(`/dns4/${name}/tcp/1`))
  const sealed = await sealPeerRecord(key, { ...said, addresses })
  assert.ok(sealed.length <= MAX_RECORD_BYTES)
  const rsa = await generateKeyPair('RSA', 4_096)
  await assert.rejects(sealPeerRecord(rsa, { ...said, addresses }), { code: 'MALFORMED' })
})

const forged = async (kind: Partial<typeof KIND>, payload = bin(PAYLOAD), by = key) =>
  await sealRecord({ ...KIND, ...kind }, payload, by)
const signedWrongly = () => {
  const { publicKey, payloadType, payload } = RecordEnvelope.createFromProtobuf(bin(VECTOR))
  return new RecordEnvelope({ publicKey, payloadType, payload, signature: new Uint8Array(64) }).marshal()
}

const refused: ReadonlyArray<readonly [string, () => Uint8Array | Promise<Uint8Array>, string]> = [
  ['nothing', () => new Uint8Array(0), 'MALFORMED'],
  ['a record of another domain', () => forged({ domain: 'libp2p-peer-record' }), 'MALFORMED'],
  ['a record of another type', () => forged({ codec: bin('0301') }), 'MALFORMED'],
  ['what is signed, but no record', () => forged({}, bin('0801')), 'MALFORMED'],
  ['a signature of zeros', signedWrongly, 'MALFORMED'],
  ['ten megabytes', () => new Uint8Array(10_000_000), 'MALFORMED'],
  ['one byte more than may be', () => Buffer.concat([bin(VECTOR), new Uint8Array(MAX_RECORD_BYTES)]), 'MALFORMED'],
  ["a record that somebody has signed in the peer's name", () => forged({}, bin(PAYLOAD), other), 'WRONG_PEER'],
  ["somebody else's record", () => sealPeerRecord(other, said), 'WRONG_PEER']
]
for (const [what, make, code] of refused) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(openPeerRecord(await make(), peer), { name: 'NatError', code })
  })
}

test('whoever signs a record of another peer is found out by whoever asks for nobody in particular', async () => {
  await assert.rejects(openPeerRecord(await forged({}, bin(PAYLOAD), other)), { code: 'WRONG_PEER' })
})

test('no bit of what a record says can be changed', async () => {
  const bytes = bin(VECTOR)
  const said = await openPeerRecord(bytes, peer)
  let refused = 0
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Uint8Array.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    const opened = await openPeerRecord(changed, peer).catch(error => {
      assert.ok(error instanceof NatError, `bit ${bit}: ${error}`)
      refused++
    })
    // the envelope's own tags are not signed, and some readers of protobuf are lenient about them
    if (opened != null) assert.deepEqual({ ...opened, peer: '' }, { ...said, peer: '' }, `bit ${bit}`)
  }
  assert.ok(refused > bytes.length * 8 - 32, `${refused} bits`)
})

test('records cut off, lengthened, and made of nothing: MALFORMED or WRONG_PEER, or what was signed', async () => {
  const random = seededRandom(1)
  const bytes = bin(VECTOR)
  const said = await openPeerRecord(bytes, peer)
  for (let run = 0; run < 5_000; run++) {
    const at = random.int(0, bytes.length)
    const spoiled =
      run % 2 === 0
        ? Buffer.concat([bytes.subarray(0, at), random.bytes(random.int(0, 64)), bytes.subarray(at)])
        : random.bytes(random.int(0, 512))
    const opened = await openPeerRecord(spoiled, peer).catch(error => {
      assert.ok(error instanceof NatError && (error.code === 'MALFORMED' || error.code === 'WRONG_PEER'), String(error))
    })
    // protobuf skips fields that it does not know: those of the envelope are not signed
    if (opened != null) assert.deepEqual({ ...opened, peer: '' }, { ...said, peer: '' })
  }
})
