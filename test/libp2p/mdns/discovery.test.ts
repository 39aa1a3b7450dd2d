import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../../src/core/clock.ts'
import { announced, type DiscoveryComponents, LocalDiscovery } from '../../../src/libp2p/mdns/discovery.ts'

const ID = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const SELF = peerIdFromString(ID)

describe('what a node tells its LAN', () => {
  const ROWS: ReadonlyArray<readonly [about: string, address: string, isTold: boolean]> = [
    ['QUIC at a private address', '/ip4/192.168.2.10/udp/4001/quic-v1', true],
    ['the same at a unique local one', '/ip6/fd00:1::10/udp/4001/quic-v1', true],
    ['QUIC at a public address', '/ip4/11.2.0.10/udp/4001/quic-v1', false],
    ['QUIC on loopback', '/ip4/127.0.0.1/udp/4001/quic-v1', false],
    ['TCP', '/ip4/192.168.2.10/tcp/4001', false],
    ['a hub', `/ip4/192.168.2.1/udp/4001/quic-v1/p2p/${ID}/p2p-circuit`, false]
  ]
  for (const [about, address, isTold] of ROWS) {
    it(`${isTold ? 'is' : 'is not'} ${about}`, () => {
      assert.deepEqual(announced([multiaddr(address)], SELF).map(String), isTold ? [`${address}/p2p/${ID}`] : [])
    })
  }

  it('is no more than a packet holds', () => {
    const many = Array.from({ length: 100 }, (_, i) => multiaddr(`/ip4/192.168.2.${i + 1}/udp/4001/quic-v1`))
    assert.equal(announced(many, SELF).length, 8)
  })
})

describe('the search for peers in the LAN', () => {
  it('leaves no timer when the node stops before it has begun', async () => {
    const clock = new VirtualClock()
    const discovery = new LocalDiscovery({ addresses: () => [] }, clock)
    const components = { peerId: SELF, transportManager: { getAddrs: () => [] }, logger: defaultLogger() }
    const service = discovery.service(components as unknown as DiscoveryComponents)
    discovery.networkChanged()
    assert.equal(clock.pending, 0)
    await service.start()
    discovery.networkChanged()
    assert.equal(clock.pending, 1)
    await service.stop()
    discovery.networkChanged()
    assert.equal(clock.pending, 0)
  })
})
