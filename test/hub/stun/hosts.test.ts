import assert from 'node:assert/strict'
import test from 'node:test'
import type { UdpSocket } from '../../../src/core/net.ts'
import { stunHosts } from '../../../src/hub/stun/hosts.ts'

for (const [what, hosts, announce, expected] of [
  ['what is listened on', ['10.0.0.1', '2001:db8::1'], [], ['10.0.0.1', '2001:db8::1']],
  ['the unspecified address is nobody', ['0.0.0.0', '::'], [], [undefined, undefined]],
  ['one announced', ['0.0.0.0'], ['203.0.113.1'], ['203.0.113.1']],
  ['two announced, in order', ['10.0.0.1', '10.0.0.2'], ['203.0.113.1', '203.0.113.2'], ['203.0.113.1', '203.0.113.2']],
  ['one announced of two', ['10.0.0.1', '10.0.0.2'], ['203.0.113.1'], ['203.0.113.1', undefined]],
  ['the families apart', ['10.0.0.1', '::'], ['2001:db8::1', '203.0.113.1'], ['203.0.113.1', '2001:db8::1']],
  ['announced in one family only', ['10.0.0.1', '2001:db8::1'], ['203.0.113.1'], ['203.0.113.1', undefined]]
] as const) {
  test(`told: ${what}`, () => {
    const told = stunHosts(hosts, announce)
    assert.deepEqual(
      told.map(({ address }) => address),
      expected
    )
    assert.deepEqual(
      told.map(({ host }) => host),
      hosts
    )
  })
}

test('the socket of QUIC at the same address answers too, however that is spelled', () => {
  const socket = (address: string) => ({ local: { address, port: 4001 } }) as UdpSocket
  const shared = [socket('10.0.0.1'), socket('2001:db8::1')]
  const found = stunHosts(['2001:db8:0::1', '10.0.0.1', '10.0.0.2'], [], shared)
  assert.deepEqual(
    found.map(each => each.shared),
    [shared[1], shared[0], undefined]
  )
})
