import assert from 'node:assert/strict'
import test from 'node:test'
import { type AllowPrivate, canonicalIp, type IpScope, ipScope, mayReach, sourceOf } from '../../src/core/ip.ts'

const rows: ReadonlyArray<readonly [string, IpScope]> = [
  ['8.8.8.8', 'public'],
  ['11.0.0.7', 'public'],
  ['2606:4700::1111', 'public'],
  ['10.1.2.3', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['100.64.0.1', 'private'],
  ['fd00::1', 'private'],
  ['127.8.8.8', 'loopback'],
  ['::1', 'loopback'],
  ['169.254.1.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['224.0.0.251', 'multicast'],
  ['255.255.255.255', 'multicast'],
  ['ff02::1', 'multicast'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['192.0.2.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['::ffff:127.0.0.1', 'reserved'],
  ['64:ff9b::a00:1', 'reserved'],
  ['2002:7f00:1::', 'reserved'],
  ['hub.example', 'invalid'],
  ['127.1', 'invalid'],
  ['0x7f000001', 'invalid'],
  ['', 'invalid']
]
for (const [host, scope] of rows) {
  test(`${host || '(empty)'} is ${scope}`, () => assert.equal(ipScope(host), scope))
}

/** From which setting on an address counts. */
const reach: ReadonlyArray<readonly [string, AllowPrivate | 'never']> = [
  ['11.0.0.7', false],
  ['2606:4700::1111', false],
  ['10.1.2.3', 'network'],
  ['100.64.0.1', 'network'],
  ['fd00::1', 'network'],
  ['203.0.113.7', 'network'],
  ['198.18.0.1', 'network'],
  ['2001:db8::1', 'network'],
  ['127.0.0.1', true],
  ['::1', true],
  ['169.254.1.1', 'never'],
  ['224.0.0.251', 'never'],
  ['0.0.0.0', 'never'],
  ['::ffff:127.0.0.1', 'never'],
  ['64:ff9b::7f00:1', 'never'],
  ['2002:7f00:1::', 'never'],
  ['hub.example', 'never']
]
const SETTINGS: readonly AllowPrivate[] = [false, 'network', true]
for (const [host, from] of reach) {
  test(`${host} counts from ${from} on`, () => {
    const expected = SETTINGS.map((_, index) => from !== 'never' && index >= SETTINGS.indexOf(from))
    assert.deepEqual(
      SETTINGS.map(allow => mayReach(host, allow)),
      expected
    )
  })
}

test('one spelling per address', () => {
  assert.equal(canonicalIp('2606:4700:0000::1111'), '2606:4700::1111')
  assert.equal(canonicalIp('11.0.0.7'), '11.0.0.7')
  assert.equal(canonicalIp('127.1'), undefined)
})

for (const [one, other, same] of [
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.2', false],
  ['2a0b::1', '2a0b:0:0:0:ffff::2', true],
  ['2a0b::1', '2a0b:0:0:1::1', false],
  ['fe80::1%eth0', 'fe80::2%eth1', true]
] as const) {
  test(`${one} and ${other} are ${same ? 'one source' : 'two'}`, () => {
    assert.equal(sourceOf(one) === sourceOf(other), same)
  })
}
