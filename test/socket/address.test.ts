import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { scopeIdOf, systemAddress, systemEndpoint, zoneOf } from '../../src/socket/address.ts'
import { epollEvent } from '../../src/socket/ffi/libc.ts'
import { fromSockaddr, keyAt, keyOfSockaddr, toSockaddr } from '../../src/socket/ffi/sockaddr.ts'

for (const [written, system] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:0201', '192.0.2.1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8::0:1', '2001:db8::1'],
  ['::', '::'],
  // a zone means something on link-local addresses only
  ['2001:db8::1%nosuch', '2001:db8::1']
] as const) {
  test(`${written} is ${system}`, () => assert.equal(systemAddress(written), system))
}

for (const none of ['', 'localhost', '1.2.3', '01.2.3.4', '192.0.2.1%lo', '2001:db8::1::', 'fe80::1%nosuch']) {
  test(`'${none}' is no address`, () => assert.throws(() => systemAddress(none), { code: 'BAD_ADDRESS' }))
}

for (const port of [-1, 0, 1.5, 65_536, Number.NaN]) {
  test(`nothing can be sent to port ${port}`, () => {
    assert.throws(() => systemEndpoint({ address: '192.0.2.1', port }), { code: 'BAD_ADDRESS' })
  })
}

const linkLocal = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
  (addresses ?? []).flatMap(entry =>
    entry.family === 'IPv6' && entry.scopeid > 0 ? [{ name, address: entry.address, scopeId: entry.scopeid }] : []
  )
)[0]

test('a zone is an interface by name or by number', { skip: linkLocal == null && 'no link-local address' }, () => {
  const { name, scopeId } = linkLocal!
  assert.equal(systemAddress(`fe80::1%${name}`), `fe80::1%${name}`)
  assert.equal(systemAddress(`fe80::1%${scopeId}`), `fe80::1%${name}`)
  assert.deepEqual([scopeIdOf(`fe80::1%${name}`), zoneOf(scopeId)], [scopeId, name])
  const endpoint = { address: `fe80::1%${name}`, port: 9 }
  assert.deepEqual(fromSockaddr(toSockaddr(endpoint)), endpoint)
})

test('an address without a zone, and a number without an interface', () => {
  assert.deepEqual([scopeIdOf('fe80::1'), zoneOf(4_000_000)], [0, '4000000'])
})

for (const endpoint of [
  { address: '192.0.2.1', port: 4_001 },
  { address: '255.255.255.255', port: 65_535 },
  { address: '2001:db8::1', port: 4_001 },
  { address: '::1', port: 1 }
]) {
  test(`${endpoint.address} port ${endpoint.port} as the kernel has it, and back`, () => {
    const bytes = toSockaddr(endpoint)
    assert.deepEqual(fromSockaddr(bytes), endpoint)
    const words = new Uint32Array(16)
    new Uint8Array(words.buffer).set(bytes, 16)
    assert.equal(keyAt(words, 4), keyOfSockaddr(bytes))
  })
}

test('sockaddr_in is what ip(7) says', () => {
  assert.equal(
    Buffer.from(toSockaddr({ address: '192.0.2.1', port: 4_001 })).toString('hex'),
    `02000fa1c0000201${'00'.repeat(8)}`
  )
})

test('addresses and ports that differ have keys that differ', () => {
  const keys = ['192.0.2.1', '1.2.0.192', '2001:db8::1', '2001:db8:0:0:1::'].flatMap(address =>
    [1, 256, 4_001].map(port => keyOfSockaddr(toSockaddr({ address, port })))
  )
  assert.equal(new Set(keys).size, keys.length)
})

test('struct epoll_event is packed on x64 only', () => {
  assert.deepEqual(
    [epollEvent('x64'), epollEvent('arm64')],
    [
      { bytes: 12, fdAt: 4 },
      { bytes: 16, fdAt: 8 }
    ]
  )
})
