import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Gateway, InterfaceAddress } from '../../src/core/net.ts'
import { BootWatch } from '../../src/portmap/boot.ts'
import { EpochWatch } from '../../src/portmap/epoch.ts'
import { pcpRequest } from '../../src/portmap/pcp.ts'
import { MAPPING_REASONS, mostTelling, natPmpRefusal, pcpRefusal, upnpRefusal } from '../../src/portmap/reason.ts'
import { findUplink, isInNetwork, isSameAddress } from '../../src/portmap/uplink.ts'
import { servicesOf } from '../../src/portmap/upnp/discover.ts'
import { remedyFor } from '../../src/portmap/upnp/mappings.ts'
import { routerUrl } from '../../src/portmap/upnp/url.ts'
import { NAT_PMP_RESULTS } from '../../src/wire/natpmp.ts'
import { PCP_RESULTS } from '../../src/wire/pcp/codes.ts'
import { decodePcpRequest } from '../../src/wire/pcp/message.ts'
import type { UpnpService } from '../../src/wire/upnp/description.ts'
import { serviceType } from '../../src/wire/upnp/services.ts'

const eth = (address: string, prefixLength: number, name = 'eth0'): InterfaceAddress => ({
  name,
  family: address.includes(':') ? 6 : 4,
  address,
  prefixLength
})
const via = (address: string, device = 'eth0'): Gateway => ({
  family: address.includes(':') ? 6 : 4,
  address,
  interface: device
})

for (const [what, family, addresses, gateways, expected] of [
  [
    "the address in the router's network",
    4,
    [eth('10.0.0.2', 24), eth('192.168.0.2', 24)],
    [via('192.168.0.1')],
    '192.168.0.2 192.168.0.1'
  ],
  ['else the first of its interface', 4, [eth('10.0.0.2', 32)], [via('192.168.0.1')], '10.0.0.2 192.168.0.1'],
  ['of that interface', 4, [eth('10.0.0.2', 24, 'eth1'), eth('10.0.0.3', 24)], [via('10.0.0.1')], '10.0.0.3 10.0.0.1'],
  [
    'the next route, where the first has no address',
    4,
    [eth('10.0.0.2', 24, 'eth1')],
    [via('10.9.0.1'), via('10.0.0.1', 'eth1')],
    '10.0.0.2 10.0.0.1'
  ],
  ['behind a carrier-grade NAT', 4, [eth('100.64.0.2', 24)], [via('100.64.0.1')], '100.64.0.2 100.64.0.1'],
  ['not a link-local one', 4, [eth('169.254.0.2', 16)], [via('169.254.0.1')], undefined],
  [
    'IPv6: a global one, although the router is link-local',
    6,
    [eth('fe80::2', 64), eth('fd00::2', 64), eth('2a0b::2', 64)],
    [via('fe80::1%eth0')],
    '2a0b::2 fe80::1%eth0'
  ],
  ['IPv6: none that is not global', 6, [eth('fe80::2', 64), eth('fd00::2', 64)], [via('fe80::1%eth0')], undefined],
  ['no route', 4, [eth('10.0.0.2', 24)], [], undefined],
  ['a route of the other family', 4, [eth('10.0.0.2', 24)], [via('fe80::1%eth0')], undefined]
] as const) {
  test(`uplink: ${what}`, () => {
    const found = findUplink(family, addresses, gateways)
    assert.equal(found && `${found.address} ${found.gateway}`, expected)
  })
}

test('addresses are compared, not their spellings', () => {
  assert.ok(isSameAddress('FE80::0:1%eth0', 'fe80::1'))
  assert.ok(!isSameAddress('router', 'router'))
  assert.ok(isInNetwork('192.168.0.77', eth('192.168.0.2', 24)))
  assert.ok(!isInNetwork('192.168.1.77', eth('192.168.0.2', 24)))
  assert.ok(!isInNetwork('::1', eth('192.168.0.2', 0)))
})

// seconds of ours, the server's epoch before and then, whether it has restarted; RFC 6886 section 3.6, RFC 6887 section 8.5
for (const [elapsed, before, after, restarted] of [
  [100, 1000, 1100, false],
  [100, 1000, 1087, false],
  [100, 1000, 1085, true],
  [100, 1000, 0, true],
  [0, 1000, 1000, false],
  [0, 1000, 998, false],
  [0, 1000, 997, true],
  [100, 1000, 1108, false],
  [100, 1000, 1110, true],
  [100, 1000, 0xffff_ffff, true]
] as const) {
  test(`epoch: ${before} and ${elapsed} s later ${after}`, () => {
    const watch = new EpochWatch()
    assert.equal(watch.restarted(0, before), false)
    assert.equal(watch.restarted(elapsed * 1000, after), restarted)
    assert.equal(watch.restarted(elapsed * 1000, after), false, 'the new epoch counts from now on')
  })
}

test('boot: by device, whatever it calls its services; eight devices at most', () => {
  const watch = new BootWatch()
  assert.equal(watch.restarted('uuid:1::upnp:rootdevice', 7), false)
  assert.equal(watch.restarted('uuid:2', 9), false)
  assert.equal(watch.restarted('uuid:1::urn:x', 7), false)
  assert.equal(watch.restarted('uuid:1', undefined), false)
  assert.equal(watch.restarted('uuid:1', 8), true)
  assert.equal(watch.restarted('uuid:1::upnp:rootdevice', 8), false)
  for (let i = 0; i < 100; i++) watch.restarted(`uuid:x${i}`, 1)
  assert.equal(watch.restarted('uuid:x99', 2), false, 'it was not kept')
  assert.equal(watch.restarted('uuid:2', 10), true)
})

// url, base, router, what is asked
for (const [url, base, router, expected] of [
  ['http://192.168.0.1:5000/d.xml', undefined, '192.168.0.1', 'http://192.168.0.1:5000/d.xml'],
  ['/ctl', 'http://192.168.0.1:5000/d.xml', '192.168.0.1', 'http://192.168.0.1:5000/ctl'],
  ['ctl?a=1', 'http://192.168.0.1/upnp/', '192.168.0.1', 'http://192.168.0.1/upnp/ctl?a=1'],
  ['http://[2a0b::1]:80/', undefined, '2a0b:0::1', 'http://[2a0b::1]/'],
  // another machine, by address, by name, by a base, by a number that some take for an address of ours
  ['http://192.168.0.2/', undefined, '192.168.0.1', undefined],
  ['http://router.lan/', undefined, '192.168.0.1', undefined],
  ['/ctl', 'http://10.0.0.1/', '192.168.0.1', undefined],
  ['//10.0.0.1/ctl', 'http://192.168.0.1/', '192.168.0.1', undefined],
  ['http://0x7f.1/', undefined, '192.168.0.1', undefined],
  ['https://192.168.0.1/', undefined, '192.168.0.1', undefined],
  ['file:///etc/passwd', undefined, '192.168.0.1', undefined],
  ['http://admin:admin@192.168.0.1/', undefined, '192.168.0.1', undefined],
  ['', undefined, '192.168.0.1', undefined]
] as const) {
  test(`URL '${url}' of ${base} at ${router}`, () => assert.equal(routerUrl(url, base, router), expected))
}

test('services: the newest version first, those of the family, at the router only, four at most', () => {
  const service = (type: string, controlUrl: string): UpnpService => ({ serviceType: type, serviceId: '', controlUrl })
  const device = { deviceType: '', friendlyName: '', manufacturer: '', modelName: '', udn: '', devices: [] }
  const services = [
    service(serviceType('WANPPPConnection', 1), '/ppp'),
    service(serviceType('WANIPConnection', 2), '/ip2'),
    service(serviceType('WANIPv6FirewallControl', 1), '/fw'),
    service(serviceType('WANIPConnection', 1), 'http://10.0.0.1/elsewhere'),
    service('urn:schemas-upnp-org:service:Layer3Forwarding:1', '/l3')
  ]
  const found = (isFirewall: boolean, all = services) =>
    servicesOf({ device: { ...device, services: all } }, 'http://192.168.0.1/d.xml', '192.168.0.1', isFirewall).map(
      ({ url }) => new URL(url).pathname
    )
  assert.deepEqual(found(false), ['/ip2', '/ppp'])
  assert.deepEqual(found(true), ['/fw'])
  assert.equal(found(false, Array(9).fill(services[0])).length, 4)
})

test('every result of PCP and NAT-PMP has a reason', () => {
  for (const name of Object.keys(PCP_RESULTS) as (keyof typeof PCP_RESULTS)[]) {
    assert.ok(pcpRefusal(name, 0).reason in MAPPING_REASONS, name)
  }
  for (const name of Object.keys(NAT_PMP_RESULTS) as (keyof typeof NAT_PMP_RESULTS)[]) {
    assert.ok(natPmpRefusal(name).reason in MAPPING_REASONS, name)
  }
  assert.deepEqual(pcpRefusal(99, 5), { reason: 'refused', detail: 'PCP 99', retryAfterSeconds: 5 })
  assert.deepEqual(natPmpRefusal('NOT_AUTHORIZED'), { reason: 'disabled', detail: 'NAT-PMP NOT_AUTHORIZED' })
})

for (const [code, service, reason] of [
  [606, 'connection', 'disabled'],
  [401, 'connection', 'disabled'],
  [718, 'connection', 'conflict'],
  [729, 'connection', 'conflict'],
  [728, 'connection', 'no-resources'],
  [501, 'connection', 'refused'],
  [701, 'firewall', 'no-resources'],
  [703, 'firewall', 'disabled'],
  [718, 'firewall', 'refused'],
  [undefined, 'connection', 'refused']
] as const) {
  test(`UPnP error ${code} of a ${service}: ${reason}`, () => {
    const fault = { ...(code == null ? {} : { code }), description: 'said so' }
    assert.equal(upnpRefusal(fault, service).reason, reason)
  })
}

test('what a router says of a fault is bounded, and harmless in a terminal', () => {
  const { detail } = upnpRefusal({ description: `\u001b[31m${'x'.repeat(5000)}` }, 'connection')
  assert.ok(detail.length < 120 && /^[ -~]*$/.test(detail))
})

// code, lease, whether the router may choose the port, what to try next
for (const [code, lease, mayChoose, remedy] of [
  [725, 3600, false, 'permanent'],
  [402, 3600, false, 'permanent'],
  [725, 0, false, 'none'],
  [724, 3600, false, 'same-port'],
  [718, 3600, false, 'replace'],
  [401, 3600, true, 'fixed-port'],
  [401, 3600, false, 'none'],
  [728, 3600, true, 'fixed-port'],
  [728, 3600, false, 'none'],
  [606, 3600, true, 'none'],
  [undefined, 3600, false, 'none']
] as const) {
  test(`remedy for ${code}, lease ${lease}: ${remedy}`, () => assert.equal(remedyFor(code, lease, mayChoose), remedy))
}

test('of several refusals, the one that tells most', () => {
  const refusal = (reason: keyof typeof MAPPING_REASONS) => ({ reason, detail: '' })
  assert.equal(mostTelling([refusal('no-answer'), refusal('disabled')]).reason, 'disabled')
  assert.equal(mostTelling([refusal('no-answer'), refusal('conflict')]).reason, 'conflict')
  assert.equal(mostTelling([refusal('disabled'), refusal('conflict')]).reason, 'conflict')
  assert.equal(mostTelling([]).reason, 'no-gateway')
})

test('docs/reasons.md has one row for each reason of port mapping, and no other', () => {
  const page = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8')
  const [, section] = page.split('\n## Port mapping')
  const rows = [...section!.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason]) => reason)
  assert.deepEqual(rows.toSorted(), Object.keys(MAPPING_REASONS).toSorted())
})

for (const [what, family, lifetimeSeconds, held, port, address] of [
  ['a new mapping', 4, 3_600, undefined, 4001, '0.0.0.0'],
  ['a new pinhole', 6, 3_600, undefined, 4001, '::'],
  ['a renewal', 4, 3_600, '203.0.113.7', 4001, '203.0.113.7'],
  ['a deletion', 4, 0, '203.0.113.7', 0, '0.0.0.0'],
  ['a deletion of what nobody knows', 4, 0, undefined, 0, '0.0.0.0'],
  ['a deletion of a pinhole', 6, 0, '2a0b::2', 0, '::'],
  ['a deletion of a mapping by NAT64', 6, 0, '203.0.113.7', 0, '0.0.0.0']
] as const) {
  test(`PCP: the port and address that ${what} names`, () => {
    const client = family === 4 ? '192.168.0.2' : '2a0b::2'
    const grant = held && {
      by: 'pcp' as const,
      internal: { address: client, port: 4001 },
      external: { address: held, port: 4001 },
      lifetimeSeconds: 3_600
    }
    const ask = { protocol: 'udp', internalPort: 4001, externalPort: 4001, lifetimeSeconds } as const
    const request = decodePcpRequest(pcpRequest(ask, client, family, new Uint8Array(12), grant))
    assert.ok('map' in request)
    assert.deepEqual([request.map.externalPort, request.map.externalAddress], [port, address])
  })
}
