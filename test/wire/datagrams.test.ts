import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { NatError } from '../../src/core/errors.ts'
import { DatagramReader, FRAME_HEAD_BYTES, frame, frameInto, MAX_DATAGRAM_BYTES } from '../../src/wire/datagrams.ts'

const malformed = (error: unknown) => error instanceof NatError && error.code === 'MALFORMED'
const asHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const lengths = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.constantFrom(1, 255, 256, MAX_DATAGRAM_BYTES - 1, MAX_DATAGRAM_BYTES)
)
const datagrams = fc.array(
  lengths.map((length): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff)),
  { maxLength: 8 }
)

test('a frame is the length, big-endian, and the bytes', () => {
  assert.equal(asHex(frame(Uint8Array.of(7, 8, 9))), '0003070809')
  assert.equal(asHex(frame(new Uint8Array(0x0102)).subarray(0, 3)), '010200')
})

test('frames are written one behind the other', () => {
  const target = new Uint8Array(9)
  const next = frameInto(target, 1, Uint8Array.of(1))
  assert.equal(frameInto(target, next, Uint8Array.of(2, 3)), 8)
  assert.equal(asHex(target), '000001010002020300')
})

test('what is framed comes out again, however it is cut', () => {
  fc.assert(
    fc.property(
      datagrams,
      fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 40 }),
      (all, cuts) => {
        const stream = Buffer.concat(all.map(frame))
        const reader = new DatagramReader()
        const out: string[] = []
        for (let at = 0, i = 0; at < stream.length; i++) {
          // a cut of 0 is an empty chunk, which must do nothing; the last cut is not, so that this ends
          const bytes = i < cuts.length ? cuts[i]! : stream.length
          // chunks are overwritten afterwards, as a stream's buffers may be
          const chunk = new Uint8Array(stream.subarray(at, at + bytes))
          out.push(...reader.push(chunk).map(asHex))
          chunk.fill(0xee)
          at += bytes
        }
        assert.deepEqual(out, all.map(asHex))
        assert.equal(reader.held.length, 0)
      }
    )
  )
})

test('byte by byte', () => {
  const reader = new DatagramReader()
  const stream = Buffer.concat([frame(Uint8Array.of(1, 2)), frame(Uint8Array.of(3))])
  const out = [...stream].map(byte => reader.push(Uint8Array.of(byte)).map(asHex).join(' '))
  assert.deepEqual(out, ['', '', '', '0102', '', '', '03'])
})

test('what is held, and what comes later, is what another reader needs to go on', () => {
  const stream = Buffer.concat([frame(Uint8Array.of(1, 2)), frame(Uint8Array.of(3, 4, 5))])
  for (let cut = 0; cut <= stream.length; cut++) {
    const first = new DatagramReader()
    const out = first.push(stream.subarray(0, cut)).map(asHex)
    const second = new DatagramReader()
    out.push(...second.push(Buffer.concat([first.held, stream.subarray(cut)])).map(asHex))
    assert.deepEqual(out, ['0102', '030405'], `cut at ${cut}`)
  }
})

test('an empty datagram and one that is too long are MALFORMED, as soon as the length is there', () => {
  for (const length of [0, MAX_DATAGRAM_BYTES + 1, 0xffff]) {
    const head = [length >>> 8, length & 0xff]
    assert.throws(() => new DatagramReader().push(Uint8Array.from(head)), malformed)
    const reader = new DatagramReader()
    assert.deepEqual(reader.push(Uint8Array.of(head[0]!)), [])
    assert.throws(() => reader.push(Uint8Array.of(head[1]!)), malformed)
    assert.throws(() => frame(new Uint8Array(length)), malformed)
  }
})

test('whatever comes: datagrams within the bound, or MALFORMED, and never more than one frame is held', () => {
  // half of these lengths are within the bound
  const chunks = fc.array(
    fc.tuple(fc.nat(11), fc.uint8Array({ maxLength: 3_000, size: 'max' })).map(([first, bytes]) => {
      if (bytes.length > 0) bytes[0] = first
      return bytes
    }),
    { maxLength: 10 }
  )
  fc.assert(
    fc.property(chunks, all => {
      const reader = new DatagramReader()
      let [pushed, taken] = [0, 0]
      try {
        for (const chunk of all) {
          pushed += chunk.length
          for (const { length } of reader.push(chunk)) {
            assert.ok(length > 0 && length <= MAX_DATAGRAM_BYTES)
            taken += FRAME_HEAD_BYTES + length
          }
          assert.ok(reader.held.length < FRAME_HEAD_BYTES + MAX_DATAGRAM_BYTES)
          assert.equal(taken + reader.held.length, pushed, 'no byte is lost or counted twice')
        }
      } catch (error) {
        assert.ok(malformed(error), String(error))
      }
    }),
    { numRuns: 500 }
  )
})
