import assert from 'node:assert/strict'
import test from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import {
  decodeNatPmpRequest,
  decodeNatPmpResponse,
  encodeNatPmpRequest,
  encodeNatPmpResponse,
  type NatPmpRequest,
  type NatPmpResponse
} from '../../src/wire/natpmp.ts'
import { fuzzCodec } from './fuzz.ts'

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const malformed = (error: unknown) => error instanceof NatError && error.code === 'MALFORMED'

// laid out by hand after RFC 6886 sections 3.2 to 3.5
const requests: ReadonlyArray<readonly [NatPmpRequest, string]> = [
  [{ opcode: 'address' }, '0000'],
  [{ opcode: 'udp', internalPort: 4001, externalPort: 4002, lifetimeSeconds: 7200 }, '0001 0000 0fa1 0fa2 00001c20'],
  [{ opcode: 'tcp', internalPort: 80, externalPort: 0, lifetimeSeconds: 0 }, '0002 0000 0050 0000 00000000'],
  [{ opcode: 9 }, '0009']
]
const responses: ReadonlyArray<readonly [NatPmpResponse, string]> = [
  [
    { opcode: 'address', result: 'SUCCESS', epochSeconds: 5, externalAddress: '203.0.113.7' },
    '0080 0000 00000005 cb007107'
  ],
  [
    {
      opcode: 'udp',
      result: 'SUCCESS',
      epochSeconds: 65_536,
      internalPort: 4001,
      externalPort: 40_001,
      lifetimeSeconds: 3600
    },
    '0081 0000 00010000 0fa1 9c41 00000e10'
  ],
  [
    { opcode: 'tcp', result: 'NOT_AUTHORIZED', epochSeconds: 5, internalPort: 80 },
    '0082 0002 00000005 0050 0000 00000000'
  ],
  [{ opcode: 'address', result: 'NETWORK_FAILURE', epochSeconds: 5 }, '0080 0003 00000005'],
  [{ opcode: 9, result: 'UNSUPPORTED_OPCODE', epochSeconds: 5 }, '0089 0005 00000005'],
  [{ opcode: 'address', result: 999, epochSeconds: 5 }, '0080 03e7 00000005']
]

for (const [request, hex] of requests) {
  test(`request, both ways: ${hex}`, () => {
    assert.deepEqual(encodeNatPmpRequest(request), bytesOf(hex))
    assert.deepEqual(decodeNatPmpRequest(bytesOf(hex)), request)
  })
}
for (const [response, hex] of responses) {
  test(`response, both ways: ${hex}`, () => {
    assert.deepEqual(encodeNatPmpResponse(response), bytesOf(hex))
    assert.deepEqual(decodeNatPmpResponse(bytesOf(hex)), response)
  })
}

test('bytes after the message are no harm', () => {
  assert.deepEqual(decodeNatPmpRequest(bytesOf('0000 00000000')), { opcode: 'address' })
  assert.equal(decodeNatPmpResponse(bytesOf('0080 0003 00000005 00000000')).result, 'NETWORK_FAILURE')
})

test('what is not NAT-PMP is MALFORMED', () => {
  for (const hex of ['', '00', '0200', '0081', '0001 0000 0fa1']) {
    assert.throws(() => decodeNatPmpRequest(bytesOf(hex)), malformed, hex)
  }
  // cut short, of version 2, a request, success without what was asked for, success of what cannot be asked
  for (const hex of [
    '0080 0000',
    '0280 0000 00000005 cb007107',
    '0000 0000 00000005',
    '0080 0000 00000005',
    '0081 0000 00000005 0fa1',
    '0089 0000 00000005 00000000 00000000'
  ]) {
    assert.throws(() => decodeNatPmpResponse(bytesOf(hex)), malformed, hex)
  }
  const address = { opcode: 'address', result: 'SUCCESS', epochSeconds: 5 } as const
  for (const externalAddress of ['', '1.2.3', '1.2.3.256', '::1']) {
    assert.throws(() => encodeNatPmpResponse({ ...address, externalAddress }), malformed)
  }
})

test('no bytes throw anything but MALFORMED', () => {
  fuzzCodec({ decode: decodeNatPmpRequest, samples: requests.map(([, hex]) => bytesOf(hex)), runs: 100_000, seed: 1 })
  fuzzCodec({ decode: decodeNatPmpResponse, samples: responses.map(([, hex]) => bytesOf(hex)), runs: 100_000, seed: 2 })
})
