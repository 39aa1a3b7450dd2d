import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nat64Prefix } from '../../src/nat/nat64.ts'

// the forms of RFC 6052 section 2.4, with 192.0.0.170 and 192.0.0.171
const ROWS: [about: string, addresses: string[], prefix: string | null][] = [
  ['no name server does it', [], null],
  ['the well-known prefix', ['64:ff9b::192.0.0.170', '64:ff9b::192.0.0.171'], '64:ff9b::/96'],
  ['the second address alone', ['64:ff9b::c000:ab'], '64:ff9b::/96'],
  ["a network's own, 96 bits", ['2001:db8:122:344::c000:aa'], '2001:db8:122:344::/96'],
  ['64 bits', ['2001:db8:122:344:c0:0:aa00::'], '2001:db8:122:344::/64'],
  ['56 bits', ['2001:db8:122:3c0:0:aa::'], '2001:db8:122:300::/56'],
  ['48 bits', ['2001:db8:122:c000:0:aa00::'], '2001:db8:122::/48'],
  ['40 bits', ['2001:db8:1c0::aa:0:0:0'], '2001:db8:100::/40'],
  ['32 bits', ['2001:db8:c000:aa::'], '2001:db8::/32'],
  ['an address of something else', ['2001:db8::1'], null],
  ['bits that must be zero are not', ['2001:db8:122:344:ff00::c000:aa'], null],
  ['what is no address', ['192.0.0.170', 'x', ''], null],
  ['the one that fits among others', ['::1', '64:ff9b::c000:aa'], '64:ff9b::/96']
]

describe('the prefix of NAT64', () => {
  for (const [about, addresses, prefix] of ROWS) {
    test(about, () => assert.equal(nat64Prefix(addresses), prefix))
  }
})
