import assert from 'node:assert/strict'
import { createHash, createHmac, createPublicKey, diffieHellman } from 'node:crypto'
import test from 'node:test'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { RecordEnvelope } from '@libp2p/peer-record'
import { NatError } from '../../../src/core/errors.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { checkAttach, linkKeys, makeAttach, makeOffer, openOffer, type Told } from '../../../src/libp2p/links/offer.ts'
import { frame } from '../../../src/wire/datagrams.ts'
import { linkOfferCodec, pipeHelloCodec } from '../../../src/wire/link.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'
import { HOME } from '../../wire/networks.ts'

interface Side {
  readonly key: PrivateKey
  readonly id: PeerId
}

async function side(type: 'Ed25519' | 'secp256k1' = 'Ed25519'): Promise<Side> {
  const key = await generateKeyPair(type)
  return { key, id: peerIdFromPrivateKey(key) }
}

const candidates: readonly PathCandidate[] = [
  { kind: 'observed', transport: 'udp', address: '11.0.0.7', port: 4001 },
  { kind: 'host', transport: 'udp', address: '2001:db8::7', port: 4001 }
]
const [alice, bob, mallory] = await Promise.all([side(), side(), side()])

/** Both offers of a link from Alice to Bob, and what each side makes of the other's. */
async function exchange(a = alice, b = bob) {
  const first = await makeOffer(a.key, b.id, { candidates })
  const firstOpened = await openOffer(first.envelope, a.id, b.id)
  const second = await makeOffer(b.key, a.id, { candidates: [] }, firstOpened)
  const secondOpened = await openOffer(second.envelope, b.id, a.id, first)
  return { first, firstOpened, second, secondOpened }
}

async function agreed(a = alice, b = bob) {
  const { first, firstOpened, second, secondOpened } = await exchange(a, b)
  return { dialler: linkKeys(first, secondOpened, 'controlling'), other: linkKeys(second, firstOpened, 'controlled') }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('both sides of a link derive the same keys, each side with its own for what it says', async () => {
  const { dialler, other } = await agreed()
  assert.match(dialler.id, /^[0-9a-f]{16}$/)
  assert.equal(dialler.id, other.id)
  assert.equal(dialler.checks.link, dialler.id)
  assert.deepEqual(dialler.checks.mine, other.checks.theirs)
  assert.deepEqual(dialler.checks.theirs, other.checks.mine)
  assert.deepEqual(dialler.attach.mine, other.attach.theirs)
  assert.deepEqual(dialler.attach.theirs, other.attach.mine)
  const all = [dialler.checks.mine, dialler.checks.theirs, dialler.attach.mine, dialler.attach.theirs].map(hex)
  assert.equal(new Set(all).size, 4)
  assert.ok(all.every(key => key.length === 64))
})

test('another link of the same two has other keys', async () => {
  const [one, two] = [await agreed(), await agreed()]
  assert.notEqual(one.dialler.id, two.dialler.id)
  assert.notDeepEqual(one.dialler.checks.mine, two.dialler.checks.mine)
})

test('with other kinds of identities, too', async () => {
  const { dialler, other } = await agreed(await side('secp256k1'), bob)
  assert.equal(dialler.id, other.id)
})

test('two sides that both took themselves for the dialler have no link', async () => {
  const { first, firstOpened, second, secondOpened } = await exchange()
  assert.notEqual(linkKeys(first, secondOpened, 'controlling').id, linkKeys(second, firstOpened, 'controlling').id)
})

test('candidates come with the offer', async () => {
  const { firstOpened, secondOpened } = await exchange()
  assert.deepEqual([firstOpened.candidates, secondOpened.candidates], [candidates, []])
})

test('a summary comes with the offer, and with the answer', async () => {
  const told = { candidates, summary: HOME }
  const first = await makeOffer(alice.key, bob.id, told)
  const opened = await openOffer(first.envelope, alice.id, bob.id)
  assert.deepEqual([opened.candidates, opened.summary], [candidates, HOME])
  const second = await makeOffer(bob.key, alice.id, told, opened)
  assert.deepEqual((await openOffer(second.envelope, bob.id, alice.id, first)).summary, HOME)
  assert.equal((await exchange()).firstOpened.summary, undefined)
})

test('an identity so long that not all fits sends no summary, then no candidates: the hello has to be one frame', async () => {
  const key = await generateKeyPair('RSA', 4_096)
  const from = peerIdFromPrivateKey(key)
  const all = Array.from({ length: 16 }, (_, index) => ({ ...candidates[1]!, port: index + 1 }))
  const sent = async (told: Told, signer: Side = { key, id: from }) => {
    const { envelope } = await makeOffer(signer.key, bob.id, told)
    frame(pipeHelloCodec.encode({ type: 'OFFER', envelope }))
    const { candidates, summary } = await openOffer(envelope, signer.id, bob.id)
    return { candidates: candidates.length, summary }
  }
  let most = all.length
  while (most > 0 && (await sent({ candidates: all.slice(0, most) })).candidates === 0) most--
  assert.ok(most > 0 && most < 16, `${most} candidates`)
  assert.deepEqual(await sent({ candidates: all.slice(0, most), summary: HOME }), {
    candidates: most,
    summary: undefined
  })
  assert.deepEqual(await sent({ candidates: all, summary: HOME }), { candidates: 0, summary: undefined })
  // some candidates fewer make room for it
  assert.deepEqual(await sent({ candidates: all.slice(0, most - 3), summary: HOME }), {
    candidates: most - 3,
    summary: HOME
  })
  assert.deepEqual(await sent({ candidates: all, summary: HOME }, alice), { candidates: 16, summary: HOME })
})

test('an offer that was made before there were summaries', async () => {
  const recorded =
    '0a24080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c12033000be1a740a205612e4a3fa7be2c593c08f689d6f5e' +
    '56378f09f61b9f70b746dcdf42f2ec3a2312260024080112208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394220d080210' +
    '011a040b00000720a11f2219080110011a1020010db800000000000000000000000720a11f2a40a029c5c766ec75a179116977d065894e425312251ffe16' +
    '8a2e0d2ddf210eb8c2572427c11637975f6586c1afc34b1e6f8b7490091da5a58dd47840754dae7001'
  const id = async (seed: number) =>
    peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed)))
  const opened = await openOffer(Buffer.from(recorded, 'hex'), await id(1), await id(2))
  assert.deepEqual([opened.candidates, opened.summary], [candidates, undefined])
})

const strangers: ReadonlyArray<readonly [string, () => Promise<unknown>]> = [
  [
    'somebody else has signed it',
    async () => openOffer((await makeOffer(mallory.key, bob.id, { candidates: [] })).envelope, alice.id, bob.id)
  ],
  [
    'it is meant for somebody else',
    async () => openOffer((await makeOffer(alice.key, mallory.id, { candidates: [] })).envelope, alice.id, bob.id)
  ],
  [
    'our own comes back',
    async () => {
      const first = await makeOffer(alice.key, bob.id, { candidates: [] })
      return openOffer(first.envelope, bob.id, alice.id, first)
    }
  ],
  [
    'our own comes back, as ours',
    async () => {
      const first = await makeOffer(alice.key, bob.id, { candidates: [] })
      return openOffer(first.envelope, alice.id, alice.id, first)
    }
  ],
  [
    'it answers another offer',
    async () => {
      const { second } = await exchange()
      return openOffer(second.envelope, bob.id, alice.id, await makeOffer(alice.key, bob.id, { candidates }))
    }
  ],
  [
    'it answers none',
    async () => {
      const first = await makeOffer(alice.key, bob.id, { candidates: [] })
      return openOffer((await makeOffer(bob.key, alice.id, { candidates: [] })).envelope, bob.id, alice.id, first)
    }
  ],
  ['an answer is told as an offer', async () => openOffer((await exchange()).second.envelope, bob.id, alice.id)]
]
for (const [what, open] of strangers) {
  test(`WRONG_PEER: ${what}`, () => assert.rejects(open, { name: 'NatError', code: 'WRONG_PEER' }))
}

/** An envelope of Alice's with that payload, in that domain and of that type. */
async function signed(payload: Uint8Array, domain = 'beeline-link-offer', codec = Uint8Array.of(0x30, 0x00, 0xbe)) {
  const record = { domain, codec, marshal: () => payload, equals: () => false }
  return (await RecordEnvelope.seal(record, alice.key)).marshal()
}
const payload = linkOfferCodec.encode({ key: new Uint8Array(32).fill(9), to: bob.id.toMultihash().bytes, candidates })

test('what the specification says is an offer', async () => {
  assert.deepEqual((await openOffer(await signed(payload), alice.id, bob.id)).candidates, candidates)
})

const malformed: ReadonlyArray<readonly [string, () => Promise<Uint8Array>]> = [
  ['nothing', async () => new Uint8Array(0)],
  ['no envelope', async () => Buffer.from('ff00ff00', 'hex')],
  ['another record of the same peer', () => signed(payload, 'libp2p-peer-record', Uint8Array.of(3, 1))],
  ['signed for another purpose', () => signed(payload, 'libp2p-peer-record')],
  ['no offer in it', () => signed(Uint8Array.of(1, 2, 3))]
]
for (const [what, envelope] of malformed) {
  test(`MALFORMED: ${what}`, async () => {
    await assert.rejects(openOffer(await envelope(), alice.id, bob.id), { name: 'NatError', code: 'MALFORMED' })
  })
}

for (const signer of [alice, await side('secp256k1')]) {
  // a field's tag has more than one spelling
  test(`an offer that was tampered with is refused, or says the same and cannot be answered (${signer.key.type})`, async () => {
    const first = await makeOffer(signer.key, bob.id, { candidates })
    const { envelope, hash } = first
    const random = seededRandom(1)
    let refused = 0
    for (let at = 0; at < envelope.length; at++) {
      const bytes = Uint8Array.from(envelope)
      bytes[at]! ^= 1 << random.int(0, 7)
      try {
        const offer = await openOffer(bytes, signer.id, bob.id)
        assert.deepEqual(offer.candidates, candidates)
        assert.notDeepEqual(offer.hash, hash)
        const answer = await makeOffer(bob.key, signer.id, { candidates: [] }, offer)
        await assert.rejects(openOffer(answer.envelope, bob.id, signer.id, first), { code: 'WRONG_PEER' })
      } catch (error) {
        assert.ok(error instanceof NatError && ['MALFORMED', 'WRONG_PEER'].includes(error.code), String(error))
        refused++
      }
    }
    assert.ok(refused >= envelope.length - 8, `${refused} of ${envelope.length} refused`)
  })
}

// points of small order (RFC 7748 section 6.1; https://cr.yp.to/ecdh.html): what both sides then share is zero, and everybody knows it
const smallOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
]
for (const key of smallOrder) {
  test(`a key that makes no secret is refused: ${key}`, async () => {
    const first = await makeOffer(alice.key, bob.id, { candidates: [] })
    const theirs = { hash: new Uint8Array(32), key: Buffer.from(key, 'hex'), candidates: [] }
    assert.throws(() => linkKeys(first, theirs, 'controlling'), { name: 'NatError', code: 'MALFORMED' })
  })
}

test('the keys are those of docs/path-protocol.md: HKDF-SHA256, step by step (RFC 5869 section 2)', async () => {
  const { first, firstOpened, second, secondOpened } = await exchange()
  const x = Buffer.from(secondOpened.key).toString('base64url')
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
  const secret = diffieHellman({ privateKey: first.secret, publicKey })
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
  const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]) =>
    createHmac('sha256', key).update(Buffer.concat(parts)).digest()
  const extracted = hmac(Buffer.concat([hash(first.envelope), hash(second.envelope)]), secret)
  let last: Uint8Array = new Uint8Array(0)
  const blocks = [1, 2, 3, 4, 5].map(index => {
    last = hmac(extracted, last, Buffer.from('beeline-link-offer'), Uint8Array.of(index))
    return last
  })
  const bytes = hex(Buffer.concat(blocks))
  const key = (index: number) => bytes.slice(16 + 64 * index, 80 + 64 * index)
  const dialler = linkKeys(first, secondOpened, 'controlling')
  const { checks, attach } = linkKeys(second, firstOpened, 'controlled')
  assert.equal(dialler.id, bytes.slice(0, 16))
  assert.deepEqual([dialler.checks.mine, checks.mine, dialler.attach.mine, attach.mine].map(hex), [0, 1, 2, 3].map(key))
  const number = Buffer.from('000000000000012c', 'hex')
  const mac = hmac(Buffer.from(key(2), 'hex'), Buffer.from(dialler.id, 'hex'), number)
  assert.equal(hex(makeAttach(dialler, 300).mac), hex(mac))
})

const attachments: ReadonlyArray<readonly [string, number, number, boolean]> = [
  ['the first', 1, 0, true],
  ['a later one', 9, 3, true],
  ['the same again', 3, 3, false],
  ['an older one', 2, 3, false]
]
for (const [what, number, above, taken] of attachments) {
  test(`a pipe is attached to its link: ${what} is ${taken ? 'taken' : 'a replay'}`, async () => {
    const { dialler, other } = await agreed()
    assert.equal(checkAttach(other, makeAttach(dialler, number), above), taken)
    assert.equal(checkAttach(dialler, makeAttach(other, number), above), taken)
  })
}

test('what somebody else attaches is refused: with another link, reflected, changed, cut', async () => {
  const [{ dialler, other }, another] = [await agreed(), await agreed()]
  const good = makeAttach(dialler, 5)
  const bad = [
    makeAttach(another.dialler, 5),
    { ...makeAttach(another.dialler, 5), link: good.link },
    makeAttach(other, 5),
    { ...good, number: 6 },
    { ...good, link: Uint8Array.from(good.link, byte => byte ^ 1) },
    { ...good, mac: Uint8Array.from(good.mac, byte => byte ^ 1) },
    { ...good, mac: good.mac.subarray(0, 31) },
    { ...good, mac: new Uint8Array(0) }
  ]
  assert.ok(checkAttach(other, good, 4))
  for (const attach of bad) assert.equal(checkAttach(other, attach, 4), false)
})
