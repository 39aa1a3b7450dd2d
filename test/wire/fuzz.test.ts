import assert from 'node:assert/strict'
import test from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import { fuzzCodec } from './fuzz.ts'

const samples = [Uint8Array.of(1, 2, 3, 4)]
const common = { samples, runs: 2_000, seed: 7 }

function afterwards(spoil: () => void): (bytes: Uint8Array) => void {
  return bytes => {
    if (bytes.length === 4 && bytes[0] === 1 && bytes[3] === 4 && bytes[1] === 2 && bytes[2] !== 3) spoil()
  }
}

test('a codec that throws MALFORMED only, and at once, passes', () => {
  const decode = afterwards(() => {
    throw new NatError('MALFORMED', 'no')
  })
  fuzzCodec({ ...common, decode })
})

test('another error is found, with the bytes that made it', () => {
  const decode = afterwards(() => {
    throw new RangeError('out of range')
  })
  assert.throws(() => fuzzCodec({ ...common, decode }), /RangeError: out of range, run \d+ of seed 7: 0102..04$/)
})

test('an input that is slow each time is found', () => {
  const decode = afterwards(() => {
    const endMs = performance.now() + 1.5
    while (performance.now() < endMs);
  })
  assert.throws(() => fuzzCodec({ ...common, decode }), / ms, run \d+ of seed 7/)
})

test('an input that is slow once is not', () => {
  let slow = true
  const decode = afterwards(() => {
    const endMs = performance.now() + (slow ? 5 : 0)
    slow = false
    while (performance.now() < endMs);
  })
  fuzzCodec({ ...common, decode })
  assert.equal(slow, false)
})

test('samples must be valid', () => {
  const decode = () => {
    throw new NatError('MALFORMED', 'no')
  }
  assert.throws(() => fuzzCodec({ ...common, decode }), NatError)
})
