import assert from 'node:assert/strict'
import test from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import { PCP_MAX_BYTES, PCP_OPTIONS, PCP_RESULTS } from '../../src/wire/pcp/codes.ts'
import {
  decodePcpRequest,
  decodePcpResponse,
  encodePcpRequest,
  encodePcpResponse,
  type PcpRequest,
  type PcpResponse,
  refusedVersion
} from '../../src/wire/pcp/message.ts'
import { fuzzCodec } from './fuzz.ts'

const bytesOf = (...parts: string[]) => new Uint8Array(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'))
const malformed = (error: unknown) => error instanceof NatError && error.code === 'MALFORMED'

const NONCE = '000102030405060708090a0b'
const nonce = bytesOf(NONCE)
const mapped = (ipv4: string) => `00000000000000000000ffff${ipv4}`

// laid out by hand after RFC 6887 sections 7.1, 7.2, 7.3, 11.1, 13.2, 13.3 and 14.1
const requests: ReadonlyArray<readonly [string, PcpRequest, Uint8Array]> = [
  ['ANNOUNCE', { opcode: 'ANNOUNCE', clientAddress: '192.168.1.10' }, bytesOf('02000000 00000000', mapped('c0a8010a'))],
  [
    'MAP over IPv4',
    {
      opcode: 'MAP',
      lifetimeSeconds: 7200,
      clientAddress: '192.168.1.10',
      map: { nonce, protocol: 17, internalPort: 4001, externalPort: 4002, externalAddress: '0.0.0.0' }
    },
    bytesOf('02010000 00001c20', mapped('c0a8010a'), NONCE, '11000000 0fa1 0fa2', mapped('00000000'))
  ],
  [
    'a pinhole in an IPv6 firewall',
    {
      opcode: 'MAP',
      lifetimeSeconds: 60,
      clientAddress: '2001:db8::10',
      map: { nonce, protocol: 6, internalPort: 80, externalPort: 80, externalAddress: '::' }
    },
    bytesOf(
      '02010000 0000003c 20010db8000000000000000000000010',
      NONCE,
      '06000000 0050 0050 00000000000000000000000000000000'
    )
  ],
  [
    'MAP with options: one without data, one with, one that nobody has defined',
    {
      opcode: 'MAP',
      lifetimeSeconds: 0,
      clientAddress: '10.0.0.1',
      map: { nonce, protocol: 17, internalPort: 1, externalPort: 0, externalAddress: '0.0.0.0' },
      options: [
        { option: 'PREFER_FAILURE' },
        { option: 'FILTER', prefixLength: 120, remotePort: 53, remoteAddress: '203.0.113.0' },
        { option: 200, data: Uint8Array.of(1, 2, 3, 4, 5) }
      ]
    },
    bytesOf(
      '02010000 00000000',
      mapped('0a000001'),
      NONCE,
      '11000000 0001 0000',
      mapped('00000000'),
      '02000000',
      '03000014 0078 0035',
      mapped('cb007100'),
      'c8000005 0102030405 000000'
    )
  ],
  [
    'an opcode that nobody has defined',
    { opcode: 99, clientAddress: '10.0.0.1' },
    bytesOf('02630000 00000000', mapped('0a000001'))
  ]
]

const responses: ReadonlyArray<readonly [string, PcpResponse, Uint8Array]> = [
  [
    'ANNOUNCE',
    { opcode: 'ANNOUNCE', result: 'SUCCESS', lifetimeSeconds: 0, epochSeconds: 3 },
    bytesOf('02800000 00000000 00000003 000000000000000000000000')
  ],
  [
    'MAP',
    {
      opcode: 'MAP',
      result: 'SUCCESS',
      lifetimeSeconds: 3600,
      epochSeconds: 86_400,
      map: { nonce, protocol: 17, internalPort: 4001, externalPort: 40_001, externalAddress: '203.0.113.7' }
    },
    bytesOf('02810000 00000e10 00015180 000000000000000000000000', NONCE, '11000000 0fa1 9c41', mapped('cb007107'))
  ],
  [
    'a refusal with the request in it',
    {
      opcode: 'MAP',
      result: 'CANNOT_PROVIDE_EXTERNAL',
      lifetimeSeconds: 30,
      epochSeconds: 1,
      map: { nonce, protocol: 6, internalPort: 1, externalPort: 2, externalAddress: '::' }
    },
    bytesOf(
      '0281000b 0000001e 00000001 000000000000000000000000',
      NONCE,
      '06000000 0001 0002 00000000000000000000000000000000'
    )
  ],
  [
    'a refusal that is a header only',
    { opcode: 1, result: 'MALFORMED_REQUEST', lifetimeSeconds: 0, epochSeconds: 1 },
    bytesOf('02810003 00000000 00000001 000000000000000000000000')
  ],
  [
    'a code that has no name',
    { opcode: 2, result: 77, lifetimeSeconds: 0, epochSeconds: 1 },
    bytesOf('0282004d 00000000 00000001 000000000000000000000000')
  ]
]

for (const [what, request, bytes] of requests) {
  test(`request, both ways: ${what}`, () => {
    assert.deepEqual(encodePcpRequest(request), bytes)
    assert.deepEqual(decodePcpRequest(bytes), request)
  })
}
for (const [what, response, bytes] of responses) {
  test(`response, both ways: ${what}`, () => {
    assert.deepEqual(encodePcpResponse(response), bytes)
    assert.deepEqual(decodePcpResponse(bytes), response)
  })
}

test('numbers as in the IANA registry', () => {
  assert.deepEqual(Object.values(PCP_RESULTS), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
  assert.deepEqual(PCP_OPTIONS, { THIRD_PARTY: 1, PREFER_FAILURE: 2, FILTER: 3 })
})

test('what is not PCP is MALFORMED', () => {
  const map = requests[1]![2]
  const rows: Uint8Array[] = [
    new Uint8Array(0),
    map.subarray(0, 20),
    map.subarray(0, 56),
    map.subarray(0, 58),
    Uint8Array.from(map, (byte, i) => (i === 0 ? 1 : byte)),
    Uint8Array.from(map, (byte, i) => (i === 1 ? 0x81 : byte)),
    // an option that says it is longer than the message, and one cut in its header
    bytesOf(Buffer.from(map).toString('hex'), '03000400'),
    new Uint8Array(PCP_MAX_BYTES + 4).fill(2, 0, 1),
    bytesOf(Buffer.from(map).toString('hex'), '02000004 00000000'),
    bytesOf(Buffer.from(map).toString('hex'), '03000004 00000000')
  ]
  for (const bytes of rows) assert.throws(() => decodePcpRequest(bytes), malformed)
  assert.throws(() => decodePcpResponse(map), malformed)
  assert.throws(() => decodePcpResponse(responses[1]![2].subarray(0, 24)), malformed)
})

test('what cannot be written is MALFORMED', () => {
  const map = { nonce, protocol: 17, internalPort: 1, externalPort: 0, externalAddress: '0.0.0.0' }
  for (const clientAddress of ['', 'router', 'fe80::1%eth0', '10.0.0.1:80']) {
    assert.throws(() => encodePcpRequest({ opcode: 'ANNOUNCE', clientAddress }), malformed)
  }
  const short = { ...map, nonce: nonce.subarray(1) }
  assert.throws(
    () => encodePcpRequest({ opcode: 'MAP', lifetimeSeconds: 1, clientAddress: '10.0.0.1', map: short }),
    malformed
  )
  const options = [{ option: 200, data: new Uint8Array(PCP_MAX_BYTES) }]
  assert.throws(
    () => encodePcpRequest({ opcode: 'MAP', lifetimeSeconds: 1, clientAddress: '10.0.0.1', map, options }),
    malformed
  )
})

test('a server that does not speak version 2 says which it speaks', () => {
  const rows: ReadonlyArray<readonly [string, number | undefined]> = [
    // NAT-PMP (RFC 6886 section 3.5): version 0, the result in 16 bits
    ['00810001 00000010', 0],
    // PCP of another version
    ['01810001 00000000', 1],
    ['03810001', 3],
    // another error of NAT-PMP; a request; our version; too short
    ['00810002 00000010', undefined],
    ['00010001', undefined],
    ['02810001', undefined],
    ['0081', undefined]
  ]
  for (const [hex, version] of rows) assert.equal(refusedVersion(bytesOf(hex)), version, hex)
})

test('no bytes throw anything but MALFORMED', () => {
  fuzzCodec({ decode: decodePcpRequest, samples: requests.map(([, , bytes]) => bytes), runs: 100_000, seed: 1 })
  fuzzCodec({ decode: decodePcpResponse, samples: responses.map(([, , bytes]) => bytes), runs: 100_000, seed: 2 })
})
