import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import type { AllowPrivate } from '../../src/core/ip.ts'
import { recordAddresses } from '../../src/node/own-addresses.ts'
import { MAX_RECORD_ADDRESSES } from '../../src/wire/record.ts'

const HUB = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const OTHER = '12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W'
const SELF = '/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'

const PUBLIC = '/ip4/8.8.8.8/udp/4001/quic-v1'
const LAN = '/ip4/192.168.1.7/udp/4001/quic-v1'
const LOOPBACK = '/ip4/127.0.0.1/udp/4001/quic-v1'
const LAB = '/ip4/192.0.2.1/udp/4001/quic-v1'
const at = (host: string, hub = HUB) => `${host}/p2p/${hub}/p2p-circuit`

const named = (addresses: readonly string[], allow: AllowPrivate = false, isOnThisMachine = false) =>
  recordAddresses(
    addresses.map(each => multiaddr(each + SELF)),
    allow,
    isOnThisMachine
  ).map(each => each.toString().replace(SELF, ''))

describe('the addresses in a record', () => {
  const all = [PUBLIC, LAN, LOOPBACK, LAB]
  const rows: readonly [AllowPrivate, readonly string[]][] = [
    [false, [PUBLIC]],
    ['network', [PUBLIC, LAN, LAB]],
    [true, [PUBLIC, LAN, LOOPBACK, LAB]]
  ]
  for (const [allow, expected] of rows) {
    it(`are those that a peer may go to (${allow}), and relays where it may go`, () => {
      assert.deepEqual(named(all, allow), expected)
      const circuits = all.map(each => at(each))
      const relayed = expected.map(each => at(each))
      assert.deepEqual(named(circuits, allow), relayed)
    })
  }

  it('are also relays on loopback where all hubs are there, and nothing else of this machine', () => {
    assert.deepEqual(named([...all, ...all.map(each => at(each))], false, true), [at(PUBLIC), at(LOOPBACK), PUBLIC])
  })

  it('begin with relays, each by QUIC first, and with no more than four of one', () => {
    const ports = [1, 2, 3, 4, 5, 6]
    const many = ports.map(port => at(`/ip4/8.8.4.4/tcp/${port}`))
    const quic = at('/ip4/8.8.4.4/udp/7/quic-v1')
    const other = at('/dns4/hub.example/tcp/443/wss', OTHER)
    assert.deepEqual(named(['/ip4/9.9.9.9/tcp/1', PUBLIC, ...many, quic, other]), [
      quic,
      ...many.slice(0, 3),
      other,
      PUBLIC,
      '/ip4/9.9.9.9/tcp/1'
    ])
  })

  it('are not too many, nor too long', () => {
    assert.deepEqual(named(['/ip4/8.8.8.8/tcp/0']), [])
    const many = Array.from({ length: 100 }, (_, i) => `/ip4/8.8.8.8/tcp/${i + 1}`)
    assert.equal(named(many).length, MAX_RECORD_ADDRESSES)
    const long = Array.from({ length: 32 }, (_, i) => `/dns4/${`${i}.`.padEnd(240, 'a')}/tcp/1`)
    assert.ok(named(long).length >= 15 && named(long).length < 20, String(named(long).length))
  })
})
