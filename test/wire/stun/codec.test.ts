import assert from 'node:assert/strict'
import test from 'node:test'
import { NatError } from '../../../src/core/errors.ts'
import {
  decodeStun,
  encodeStun,
  find,
  longTermKey,
  type StunAttribute,
  type StunMessage,
  unknownRequired,
  verifyIntegrity,
  withFingerprint,
  withIntegrity
} from '../../../src/wire/stun/index.ts'
import { ATTRIBUTES, METHODS } from '../../../src/wire/stun/registry.ts'
import { SAMPLE_ATTRIBUTES, sampleMessage } from './samples.ts'
import { IPV4_RESPONSE, REQUEST } from './vectors.ts'

const malformed = (error: unknown) => error instanceof NatError && error.code === 'MALFORMED'
const header = (type: string, length = '0000') => `${type}${length}2112a442000102030405060708090a0b`
const raw = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
/** A binding request around attributes given as hexadecimal digits. */
const around = (...attributes: string[]) => {
  const body = attributes.join('')
  return raw(header('0001', (body.length / 2).toString(16).padStart(4, '0')) + body)
}
const types = (bytes: Uint8Array) => decodeStun(bytes).attributes.map(({ type }) => type)
const key = Buffer.from('key')
const software: StunAttribute = { type: 'SOFTWARE', value: 'x' }

for (const attribute of SAMPLE_ATTRIBUTES) {
  test(`comes back as it went: ${attribute.type} ${Object.values(attribute).slice(1, 4)}`, () => {
    const message = sampleMessage(attribute, software)
    assert.deepEqual(decodeStun(encodeStun(message)), message)
    assert.deepEqual(decodeStun(encodeStun(message, { fingerprint: true })).attributes.slice(0, 2), message.attributes)
  })
}

test('there is a sample of each attribute', () => {
  const computed = ['MESSAGE-INTEGRITY', 'MESSAGE-INTEGRITY-SHA256', 'FINGERPRINT']
  const sampled = new Set([...SAMPLE_ATTRIBUTES.map(({ type }) => type), ...computed])
  assert.deepEqual([...sampled].sort(), Object.keys(ATTRIBUTES).sort())
})

for (const [type, kind, method] of [
  ['0001', 'request', 'binding'],
  ['0011', 'indication', 'binding'],
  ['0101', 'success', 'binding'],
  ['0111', 'error', 'binding'],
  ['0003', 'request', 'allocate'],
  ['0113', 'error', 'allocate'],
  ['0016', 'indication', 'send'],
  ['0109', 'success', 'channel-bind'],
  ['0002', 'request', 2],
  ['3eef', 'request', 0xfff],
  ['3fff', 'error', 0xfff]
] as const) {
  test(`type ${type} is ${kind} of ${method}`, () => {
    const bytes = raw(header(type))
    const message = decodeStun(bytes)
    assert.deepEqual([message.class, message.method], [kind, method])
    assert.deepEqual(encodeStun(message), bytes)
  })
}

test('methods that we know come back by name', () => {
  for (const [name, code] of Object.entries(METHODS)) {
    const message: StunMessage = { ...sampleMessage(), method: code }
    assert.equal(decodeStun(encodeStun(message)).method, name)
  }
})

test('the mistaken number of XOR-MAPPED-ADDRESS is understood', () => {
  const bytes = Uint8Array.from(IPV4_RESPONSE.subarray(0, 48))
  bytes[36] = 0x80
  bytes[3] = 28
  assert.deepEqual(find(decodeStun(bytes), 'XOR-MAPPED-ADDRESS'), {
    type: 'XOR-MAPPED-ADDRESS',
    address: '192.0.2.1',
    port: 32853
  })
})

test('of two attributes with one name the first counts', () => {
  const message = decodeStun(encodeStun(sampleMessage(software, { type: 'SOFTWARE', value: 'second' })))
  assert.equal(find(message, 'SOFTWARE')?.value, 'x')
  assert.equal(find(message, 'NONCE'), undefined)
})

test('what must be understood and is not has its number in the list once', () => {
  const unknown = (code: number) => ({ type: 'unknown', code, value: raw('0102') }) as const
  const message = decodeStun(encodeStun(sampleMessage(unknown(0x7fff), unknown(0x0002), unknown(0x8001 + 0x100))))
  assert.deepEqual(message.attributes[1], unknown(2))
  assert.deepEqual(
    unknownRequired(decodeStun(encodeStun({ ...message, attributes: [...message.attributes, unknown(2)] }))),
    [0x7fff, 2]
  )
})

test('nothing counts behind MESSAGE-INTEGRITY but the other integrity and FINGERPRINT', () => {
  const signed = withIntegrity(encodeStun(sampleMessage(software)), { key, hash: 'sha1' })
  const late = appended(signed, '80220001 79000000 00240004 00000001')
  assert.deepEqual(types(late), ['SOFTWARE', 'MESSAGE-INTEGRITY'])
  const both = withFingerprint(withIntegrity(signed, { key, hash: 'sha256' }))
  assert.deepEqual(types(both), ['SOFTWARE', 'MESSAGE-INTEGRITY', 'MESSAGE-INTEGRITY-SHA256', 'FINGERPRINT'])
  assert.equal(verifyIntegrity(both, key), true)
})

test('nothing counts behind MESSAGE-INTEGRITY-SHA256 but FINGERPRINT, not even the weaker one', () => {
  const signed = withIntegrity(encodeStun(sampleMessage(software)), { key, hash: 'sha256' })
  const both = withIntegrity(signed, { key: Buffer.from('attacker'), hash: 'sha1' })
  assert.deepEqual(types(withFingerprint(both)), ['SOFTWARE', 'MESSAGE-INTEGRITY-SHA256', 'FINGERPRINT'])
  assert.equal(verifyIntegrity(both, key), true)
  assert.equal(verifyIntegrity(both, Buffer.from('attacker')), false)
})

test('a message without integrity was made by nobody', () => {
  assert.equal(verifyIntegrity(encodeStun(sampleMessage(software)), key), false)
  assert.equal(verifyIntegrity(raw(''), key), false)
})

test('integrity is that of the options, not of a decoded message', () => {
  const message = decodeStun(REQUEST)
  assert.deepEqual(types(encodeStun(message, { fingerprint: true })), [
    'SOFTWARE',
    'PRIORITY',
    'ICE-CONTROLLED',
    'USERNAME',
    'FINGERPRINT'
  ])
  const signed = encodeStun(message, { integrity: { key, hash: 'sha256' }, fingerprint: true })
  assert.equal(verifyIntegrity(signed, key), true)
})

test('a long-term key does not depend on how a text is composed', () => {
  assert.deepEqual(longTermKey('u\u0308', 'r', 'p\u00a0w'), longTermKey('\u00fc', 'r', 'p w'))
  assert.notDeepEqual(longTermKey('u', 'r', 'p'), longTermKey('u', 'r', 'p', 'sha256'))
})

function appended(bytes: Uint8Array, hex: string): Uint8Array {
  const result = Buffer.concat([bytes, raw(hex.replaceAll(' ', ''))])
  result.writeUInt16BE(result.length - 20, 2)
  return result
}

for (const [what, bytes] of [
  ['nothing', raw('')],
  ['half a header', raw(header('0001')).subarray(0, 19)],
  ['a first bit that is set', raw(header('8001'))],
  ['a second bit that is set', raw(header('4001'))],
  ['another cookie', raw(header('0001').replace('2112a442', '2112a443'))],
  ['a length beyond the end', raw(header('0001', '0004'))],
  ['a length before the end', raw(`${header('0001')}80220000`)],
  ['a length that is no multiple of four', raw(`${header('0001', '0003')}802200`)],
  ['an attribute beyond the end', around('80220001')],
  ['an attribute of 65,535 bytes', around('8022ffff', '00000000')],
  ['129 attributes', around(...Array(129).fill('80220000'))],
  ['a fingerprint that does not fit', around('8028000400000000')],
  ['a fingerprint that is not the last', appended(REQUEST, '80220000')],
  ['a fingerprint without a value', around('80280000')],
  ['an address of an unknown family', around('000100080003000101020304')],
  ['an address of family 0', around('000100080000000101020304')],
  ['an IPv4 address in 16 bytes', around('00010014000100010102030405060708090a0b0c0d0e0f10')],
  ['an IPv6 address in 4 bytes', around('000100080002000101020304')],
  ['an address without an address', around('00010000')],
  ['an error code without a code', around('0009000400000000')],
  ['an error code of 799', around('0009000400000763')],
  ['an error code of 4:100', around('0009000400000464')],
  ['an error code in two bytes', around('0009000200040000')],
  ['a reason of 764 bytes', around('00090300', '00000400', '20'.repeat(764))],
  ['a username of 513 bytes', around('00060201', '61'.repeat(513), '000000')],
  ['a nonce that is not UTF-8', around('00150001ff000000')],
  ['a name that is not UTF-8', around('00060002c3280000')],
  ['half an unknown attribute', around('000a000100000000')],
  ['129 unknown attributes', around('000a0102', '0001'.repeat(129), '0000')],
  ['a change request in five bytes', around('000300050000000000000000')],
  ['a lifetime in two bytes', around('000d000200010000')],
  ['a token in four bytes', around('0022000400000001')],
  ['a token in twelve bytes', around('0022000c000000010000000200000003')],
  ['a hash of four bytes', around('001e000400000001')],
  ['integrity of 16 bytes', around('00080010', '00'.repeat(16))],
  ['SHA-256 integrity that was cut to 16 bytes', around('001c0010', '00'.repeat(16))],
  ['a candidate with a value', around('0025000400000001')],
  ['an unknown address family', around('0017000403000000')],
  ['no password algorithm', around('001d0000')],
  ['two password algorithms where one is needed', around('001d00080001000000020000')],
  ['password parameters beyond the end', around('8002000400010001')],
  ['half a password algorithm', around('8002000200010000')]
] as const) {
  test(`refused: ${what}`, () => assert.throws(() => decodeStun(bytes), malformed))
}

test('what is only for people may be spelled in any way', () => {
  assert.equal(find(decodeStun(around('80220001ff000000')), 'SOFTWARE')?.value, '\ufffd')
})

test('reserved bits and padding are not looked at', () => {
  const message = decodeStun(around('00010008ff01000101020304', '8022000179ffffff', '00030004ffffffff'))
  assert.deepEqual(message.attributes, [
    { type: 'MAPPED-ADDRESS', address: '1.2.3.4', port: 1 },
    { type: 'SOFTWARE', value: 'y' },
    { type: 'CHANGE-REQUEST', changeIp: true, changePort: true }
  ])
})

for (const [what, message] of [
  ['a transaction id of 11 bytes', { ...sampleMessage(), transactionId: new Uint8Array(11) }],
  ['method 4,096', { ...sampleMessage(), method: 4_096 }],
  ['a name for an address', sampleMessage({ type: 'MAPPED-ADDRESS', address: 'localhost', port: 1 })],
  ['an address with a zone', sampleMessage({ type: 'MAPPED-ADDRESS', address: 'fe80::1%lo', port: 1 })],
  ['port 65,536', sampleMessage({ type: 'MAPPED-ADDRESS', address: '127.0.0.1', port: 65_536 })],
  ['error code 299', sampleMessage({ type: 'ERROR-CODE', code: 299, reason: '' })],
  ['a text of 764 bytes', sampleMessage({ type: 'REALM', value: 'x'.repeat(764) })],
  ['a lifetime of 2^32', sampleMessage({ type: 'LIFETIME', seconds: 2 ** 32 })],
  ['a lifetime below zero', sampleMessage({ type: 'LIFETIME', seconds: -1 })],
  ['65,535 bytes of data', sampleMessage({ type: 'DATA', bytes: new Uint8Array(65_535) })],
  ['a token of nine bytes', sampleMessage({ type: 'RESERVATION-TOKEN', token: new Uint8Array(9) })],
  ['129 unknown attributes', sampleMessage({ type: 'UNKNOWN-ATTRIBUTES', codes: Array(129).fill(1) })]
] as const) {
  test(`not written: ${what}`, () => assert.throws(() => encodeStun(message), malformed))
}
