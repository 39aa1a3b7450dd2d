import assert from 'node:assert/strict'
import test from 'node:test'
import { canonicalIp, type IpScope, ipScope } from '../../src/core/ip.ts'

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

test('one spelling per address', () => {
  assert.equal(canonicalIp('2606:4700:0000::1111'), '2606:4700::1111')
  assert.equal(canonicalIp('11.0.0.7'), '11.0.0.7')
  assert.equal(canonicalIp('127.1'), undefined)
})
