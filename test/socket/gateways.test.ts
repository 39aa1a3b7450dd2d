import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import test from 'node:test'
import { ipv4Gateways, ipv6Gateways, systemGateways } from '../../src/socket/gateways.ts'

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'
const route4 = (device: string, destination: string, gateway: string, flags: string, metric: number, mask: string) =>
  `${device}\t${destination}\t${gateway}\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0`

test('IPv4: default routes by a gateway, the lowest metric first', () => {
  const table = [
    HEAD,
    route4('wlan0', '00000000', '0100A8C0', '0003', 600, '00000000'),
    route4('eth0', '00000000', 'FE01A8C0', '0003', 100, '00000000'),
    route4('ppp0', '00000000', '00000000', '0001', 50, '00000000'),
    route4('eth1', '00000000', '0102A8C0', '0203', 1, '00000000'),
    route4('eth0', '0001A8C0', '00000000', '0001', 100, '00FFFFFF'),
    // half of the internet, as a VPN takes it, is no default route
    route4('tun0', '00000000', '0100080A', '0003', 0, '00000080'),
    ''
  ].join('\n')
  assert.deepEqual(ipv4Gateways(table, 'LE'), [
    { family: 4, address: '192.168.1.254', interface: 'eth0' },
    { family: 4, address: '192.168.0.1', interface: 'wlan0' }
  ])
})

test('IPv4: a machine of the other byte order', () => {
  const table = `${HEAD}\n${route4('eth0', '00000000', 'C0A80001', '0003', 0, '00000000')}`
  assert.deepEqual(ipv4Gateways(table, 'BE'), [{ family: 4, address: '192.168.0.1', interface: 'eth0' }])
})

test('IPv6: a link-local gateway has its zone, a rejecting route is none', () => {
  const zero = '0'.repeat(32)
  const table = [
    `${zero} 00 ${zero} 00 fe80000000000000000000000000abcd 00000400 00000003 00000000 00000003     eth0`,
    `${zero} 00 ${zero} 00 20010db8000000000000000000000001 00000100 00000003 00000000 00000003     eth1`,
    `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
    `fe800000000000000000000000000000 40 ${zero} 00 ${zero} 00000100 00000002 00000000 00000001     eth0`
  ].join('\n')
  assert.deepEqual(ipv6Gateways(table), [
    { family: 6, address: '2001:db8::1', interface: 'eth1' },
    { family: 6, address: 'fe80::abcd%eth0', interface: 'eth0' }
  ])
})

test('what is no table has no routes', () => {
  for (const text of ['', '\n\n', HEAD, 'eth0 00000000', `${'x'.repeat(32)} 00`]) {
    assert.deepEqual([...ipv4Gateways(text), ...ipv6Gateways(text)], [])
  }
})

test('of this machine: literals, and an interface each', async () => {
  for (const { family, address, interface: device } of await systemGateways()) {
    assert.equal(isIP(address), family)
    assert.notEqual(device, '')
  }
})

test('a system that nobody knows has no gateways that can be known', async () => {
  const { platform } = process
  Object.defineProperty(process, 'platform', { value: 'haiku' })
  try {
    assert.deepEqual(await systemGateways(), [])
  } finally {
    Object.defineProperty(process, 'platform', { value: platform })
  }
})
