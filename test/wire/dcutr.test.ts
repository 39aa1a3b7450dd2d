import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { NatError } from '../../src/core/errors.ts'
import { holePunchCodec } from '../../src/wire/dcutr.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
// /ip4/11.0.0.7/udp/4001/quic-v1
const address = Buffer.from('040b000007910210fa1cd03', 'hex')

test('the bytes are those of the proto file: type 1 = CONNECT 100 or SYNC 300, ObsAddrs 2', () => {
  assert.equal(hex(holePunchCodec.encode({ type: 'SYNC', observedAddresses: [] })), '08ac02')
  assert.equal(
    hex(holePunchCodec.encode({ type: 'CONNECT', observedAddresses: [Uint8Array.of(1, 2)] })),
    '086412020102'
  )
})

const malformed: ReadonlyArray<readonly [string, string]> = [
  ['nothing', ''],
  ['no type', '12020102'],
  ['a type of an earlier draft', '08c801'],
  ['a length past the end', '086412ff01'],
  ['a varint without end', '08ffffffffffffffffffffff'],
  ['a reserved wire type', '0f']
]
for (const [what, bytes] of malformed) {
  test(`malformed: ${what}`, () => {
    assert.throws(() => holePunchCodec.decode(Buffer.from(bytes, 'hex')), { code: 'MALFORMED' })
  })
}

test('unknown fields are skipped', () => {
  assert.deepEqual(holePunchCodec.decode(Buffer.from('08641a03616263', 'hex')), {
    type: 'CONNECT',
    observedAddresses: []
  })
})

test('what is encoded comes back', () => {
  const message = fc.record({
    type: fc.constantFrom('CONNECT' as const, 'SYNC' as const),
    observedAddresses: fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 50 })
  })
  fc.assert(
    fc.property(message, value => {
      const back = holePunchCodec.decode(holePunchCodec.encode(value))
      assert.equal(back.type, value.type)
      assert.deepEqual(back.observedAddresses.map(hex), value.observedAddresses.map(hex))
    })
  )
})

test('any bytes decode, or are MALFORMED', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), fc.nat(3), (bytes, prefix) => {
      const input = prefix === 0 ? bytes : Buffer.concat([Buffer.from('0864', 'hex'), address.subarray(prefix), bytes])
      try {
        assert.ok(['CONNECT', 'SYNC'].includes(holePunchCodec.decode(input).type))
      } catch (error) {
        assert.ok(error instanceof NatError && error.code === 'MALFORMED', String(error))
      }
    }),
    { numRuns: 2_000 }
  )
})
