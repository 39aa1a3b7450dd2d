import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { NatError } from '../../src/core/errors.ts'
import { hopCodec, stopCodec, voucherCodec } from '../../src/wire/circuit.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

// by the message definitions of circuit-v2.md, encoded by hand
const rows: ReadonlyArray<readonly [string, string, string]> = [
  ['RESERVE', hex(hopCodec.encode({ type: 'RESERVE' })), '0800'],
  [
    'CONNECT',
    hex(hopCodec.encode({ type: 'CONNECT', peer: { id: Uint8Array.of(1, 2), addrs: [] } })),
    '080112040a020102'
  ],
  [
    'STATUS with a reservation and limits',
    hex(
      hopCodec.encode({
        type: 'STATUS',
        status: 'OK',
        reservation: { expire: 1_700_000_000, addrs: [Uint8Array.of(1)], voucher: Uint8Array.of(9) },
        limit: { duration: 120, data: 131_072 }
      })
    ),
    '08021a0c0880e2cfaa061201011a010922060878108080082864'
  ],
  ['STATUS of a refusal', hex(hopCodec.encode({ type: 'STATUS', status: 'NO_RESERVATION' })), '080228cc01'],
  // two fields of ours, 100 and 101: keys 0xa2 0x06 and 0xaa 0x06
  ['RESERVE with a token', hex(hopCodec.encode({ type: 'RESERVE', token: 'abc' })), '0800a20603616263'],
  [
    'STATUS of a refusal with its reason',
    hex(hopCodec.encode({ type: 'STATUS', status: 'PERMISSION_DENIED', reason: 'no' })),
    '080228ca01aa06026e6f'
  ],
  [
    'STOP CONNECT',
    hex(stopCodec.encode({ type: 'CONNECT', peer: { id: Uint8Array.of(7), addrs: [] } })),
    '080012030a0107'
  ],
  ['STOP STATUS', hex(stopCodec.encode({ type: 'STATUS', status: 'PERMISSION_DENIED' })), '080120ca01'],
  [
    'a voucher',
    hex(voucherCodec.encode({ relay: Uint8Array.of(1), peer: Uint8Array.of(2), expiration: 300 })),
    '0a010112010218ac02'
  ]
]
for (const [what, encoded, expected] of rows) {
  test(`the bytes of ${what}`, () => assert.equal(encoded, expected))
}

test('what is not there is absent, not a default', () => {
  assert.deepEqual(hopCodec.decode(new Uint8Array(0)), {})
})

test('a status that nobody has defined is no status', () => {
  assert.equal(hopCodec.decode(Buffer.from('0802287b', 'hex')).status, undefined)
})

test('no bytes make a codec throw anything but MALFORMED', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4_096 }), bytes => {
      for (const codec of [hopCodec, stopCodec, voucherCodec]) {
        try {
          codec.decode(bytes)
        } catch (error) {
          assert.ok(error instanceof NatError && error.code === 'MALFORMED', String(error))
        }
      }
    })
  )
})
