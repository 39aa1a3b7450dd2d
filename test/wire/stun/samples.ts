import type { KnownAttribute, StunMessage } from '../../../src/wire/stun/index.ts'

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i + 1)
const algorithms = [
  { code: 2, parameters: new Uint8Array(0) },
  { code: 1, parameters: bytes(3) },
  { code: 7, parameters: bytes(4) }
]

/** At least one of each attribute that is not computed. */
export const SAMPLE_ATTRIBUTES: readonly KnownAttribute[] = [
  { type: 'MAPPED-ADDRESS', address: '192.0.2.1', port: 1 },
  { type: 'XOR-MAPPED-ADDRESS', address: '203.0.113.255', port: 65_535 },
  { type: 'XOR-PEER-ADDRESS', address: '2001:db8::1', port: 0 },
  { type: 'XOR-RELAYED-ADDRESS', address: '::', port: 4_001 },
  { type: 'ALTERNATE-SERVER', address: '2001:db8:1:2:3:4:5:6', port: 3_478 },
  { type: 'RESPONSE-ORIGIN', address: '0.0.0.0', port: 3_478 },
  { type: 'OTHER-ADDRESS', address: '255.255.255.255', port: 3_479 },
  { type: 'USERNAME', value: 'alice' },
  { type: 'REALM', value: '' },
  { type: 'NONCE', value: 'obMatJos2AAAC' },
  { type: 'SOFTWARE', value: '\u{1f41d} line' },
  { type: 'ALTERNATE-DOMAIN', value: 'stun.example.org' },
  { type: 'ERROR-CODE', code: 300, reason: '' },
  { type: 'ERROR-CODE', code: 699, reason: 'a reason' },
  { type: 'ADDRESS-ERROR-CODE', family: 6, code: 440, reason: 'Address Family not Supported' },
  { type: 'UNKNOWN-ATTRIBUTES', codes: [1, 0x7fff, 0xffff] },
  { type: 'UNKNOWN-ATTRIBUTES', codes: [] },
  { type: 'CHANGE-REQUEST', changeIp: true, changePort: false },
  { type: 'CHANGE-REQUEST', changeIp: false, changePort: true },
  { type: 'RESPONSE-PORT', port: 50_000 },
  { type: 'PADDING', bytes: bytes(61) },
  { type: 'CACHE-TIMEOUT', seconds: 0xffff_ffff },
  { type: 'CHANNEL-NUMBER', channel: 0x4000 },
  { type: 'LIFETIME', seconds: 600 },
  { type: 'DATA', bytes: bytes(0) },
  { type: 'REQUESTED-ADDRESS-FAMILY', family: 6 },
  { type: 'ADDITIONAL-ADDRESS-FAMILY', family: 4 },
  { type: 'EVEN-PORT', reserve: true },
  { type: 'REQUESTED-TRANSPORT', protocol: 17 },
  { type: 'DONT-FRAGMENT' },
  { type: 'RESERVATION-TOKEN', token: bytes(8) },
  { type: 'ICMP', icmpType: 127, icmpCode: 511, data: 0xffff_fffe },
  { type: 'PRIORITY', priority: 0x7eff_ffff },
  { type: 'USE-CANDIDATE' },
  { type: 'ICE-CONTROLLED', tieBreaker: 2n ** 64n - 1n },
  { type: 'ICE-CONTROLLING', tieBreaker: 0n },
  { type: 'PASSWORD-ALGORITHM', code: 2, parameters: new Uint8Array(0) },
  { type: 'PASSWORD-ALGORITHMS', algorithms },
  { type: 'USERHASH', hash: bytes(32) }
]

export const sampleMessage = (...attributes: StunMessage['attributes']): StunMessage => ({
  class: 'request',
  method: 'binding',
  transactionId: Uint8Array.from({ length: 12 }, (_, i) => 0xa0 + i),
  attributes
})
