import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../src/core/random.ts'
import {
  decodeTcpHello,
  decodeTcpProof,
  encodeTcpHello,
  encodeTcpProof,
  TCP_HELLO_FIRST_BYTE,
  TCP_HELLO_FRAME_BYTES,
  TCP_PROOF_FRAME_BYTES,
  tcpProofInput
} from '../../src/wire/tcp-proof.ts'
import { fuzzCodec } from './fuzz.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const link = Buffer.from('0123456789abcdef', 'hex')
const nonce = Buffer.alloc(16, 0xaa)

test('HELLO: length, version, role, link, nonce', () => {
  const bytes = encodeTcpHello({ role: 'server', link, nonce })
  assert.equal(hex(bytes), `001a01020123456789abcdef${'aa'.repeat(16)}`)
  assert.equal(bytes.length, TCP_HELLO_FRAME_BYTES)
  const { role, ...rest } = decodeTcpHello(bytes)
  assert.deepEqual([role, hex(rest.link), hex(rest.nonce)], ['server', hex(link), hex(nonce)])
})

test('its first byte is none with which libp2p, TLS or a text begins', () => {
  assert.equal(encodeTcpHello({ role: 'client', link, nonce })[0], TCP_HELLO_FIRST_BYTE)
  assert.ok(![0x13, 0x16].includes(TCP_HELLO_FIRST_BYTE) && TCP_HELLO_FIRST_BYTE < 0x09)
})

test('PROOF: length, MAC', () => {
  const bytes = encodeTcpProof(new Uint8Array(32).fill(7))
  assert.equal(hex(bytes), `0020${'07'.repeat(32)}`)
  assert.equal(bytes.length, TCP_PROOF_FRAME_BYTES)
  assert.equal(hex(decodeTcpProof(bytes)), '07'.repeat(32))
})

test('what a PROOF authenticates differs by link, by side, and by either nonce', () => {
  const other = Buffer.alloc(16, 0xbb)
  const inputs = [
    tcpProofInput(link, 'client', nonce, other),
    tcpProofInput(link, 'server', nonce, other),
    tcpProofInput(link, 'client', other, nonce),
    tcpProofInput(link, 'client', nonce, nonce),
    tcpProofInput(Buffer.alloc(8), 'client', nonce, other)
  ].map(hex)
  assert.equal(new Set(inputs).size, inputs.length)
})

const malformed: ReadonlyArray<readonly [string, string]> = [
  ['nothing', ''],
  ['half a length', '00'],
  ['too short', `001a0101${'00'.repeat(23)}`],
  ['too long', `001a0101${'00'.repeat(25)}`],
  ['another length', `00190101${'00'.repeat(24)}`],
  ['another version', `001a0201${'00'.repeat(24)}`],
  ['no role', `001a0100${'00'.repeat(24)}`],
  ['an unknown role', `001a0103${'00'.repeat(24)}`],
  ['a libp2p connection', hex(Buffer.from('\x13/multistream/1.0.0\n/noise'))]
]
for (const [what, bytes] of malformed) {
  test(`no HELLO: ${what}`, () => {
    assert.throws(() => decodeTcpHello(Buffer.from(bytes, 'hex')), { code: 'MALFORMED' })
  })
}

test('a link, nonce or MAC of another length is not sent', () => {
  assert.throws(() => encodeTcpHello({ role: 'client', link: nonce, nonce }), { code: 'MALFORMED' })
  assert.throws(() => encodeTcpHello({ role: 'client', link, nonce: link }), { code: 'MALFORMED' })
  assert.throws(() => encodeTcpProof(nonce), { code: 'MALFORMED' })
})

test('100,000 fuzzed inputs: MALFORMED or a value, never anything else', () => {
  const random = seededRandom(5)
  const hello = encodeTcpHello({ role: 'client', link, nonce })
  const samples = [hello, encodeTcpHello({ role: 'server', link: random.bytes(8), nonce: random.bytes(16) })]
  fuzzCodec({ decode: decodeTcpHello, samples, seed: 51, runs: 50_000, maxBytes: 64 })
  fuzzCodec({
    decode: decodeTcpProof,
    samples: [encodeTcpProof(random.bytes(32))],
    seed: 52,
    runs: 50_000,
    maxBytes: 64
  })
})
