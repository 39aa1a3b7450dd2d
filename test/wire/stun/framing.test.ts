import assert from 'node:assert/strict'
import test from 'node:test'
import { NatError } from '../../../src/core/errors.ts'
import { StunFrames } from '../../../src/wire/stun/index.ts'
import { fuzzCodec } from '../fuzz.ts'
import { IPV4_RESPONSE, LONG_TERM_REQUEST, REQUEST } from './vectors.ts'

const malformed = (error: unknown) => error instanceof NatError && error.code === 'MALFORMED'
const all = [REQUEST, IPV4_RESPONSE, LONG_TERM_REQUEST]
const stream = new Uint8Array(Buffer.concat(all))

for (const size of [1, 3, 20, 107, 108, 109, 304]) {
  test(`messages come whole out of pieces of ${size} bytes`, () => {
    const frames = new StunFrames()
    const found: Uint8Array[] = []
    for (let at = 0; at < stream.length; at += size) found.push(...frames.push(stream.subarray(at, at + size)))
    assert.deepEqual(found, all)
    assert.equal(frames.pending, 0)
  })
}

test('a message keeps its bytes when those that it came in are used again', () => {
  const piece = Uint8Array.from(REQUEST)
  const frames = new StunFrames()
  frames.push(piece.subarray(0, 50))
  const rest = Uint8Array.from(REQUEST.subarray(50))
  piece.fill(0)
  assert.deepEqual(frames.push(rest), [REQUEST])
})

for (const [what, hex] of [
  ['a byte that no message begins with', '80'],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n').toString('hex')],
  ['TLS', '1603010200010001'],
  ['a length that is no multiple of four', '00010001'],
  ['a length beyond the bound', '00011000'],
  ['another cookie', '0001000000000000']
]) {
  test(`no STUN, known at once: ${what}`, () => {
    assert.throws(() => new StunFrames().push(Buffer.from(hex!, 'hex')), malformed)
  })
}

test('whatever comes, no more than one message is held', () => {
  const decode = (bytes: Uint8Array) => {
    const frames = new StunFrames()
    frames.push(bytes.subarray(0, 30))
    frames.push(bytes.subarray(30))
    if (frames.pending >= 4_096) throw new Error(`${frames.pending} bytes held`)
  }
  fuzzCodec({ decode, samples: all, seed: 1, runs: 20_000 })
})
