import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Libp2pEvents } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import type { NetHost } from '../../../src/core/net.ts'
import { MappedPorts } from '../../../src/libp2p/mapped/ports.ts'
// loaded here, because loading takes time that a virtual clock knows nothing of
import '../../../src/portmap/index.ts'
import { openGateway } from '../../../src/sim/gateway/index.ts'
import { createSim } from '../../../src/sim/index.ts'
import { replaced } from '../../portmap/home.ts'

async function setUp(listening: string[], asSeen: (alice: NetHost) => NetHost = alice => alice) {
  const sim = createSim({ home: { mapping: 'address-and-port-dependent' }, alice: { behind: 'home' } })
  const gateway = await openGateway(sim, 'home', { upnp: false })
  const events = new TypedEventEmitter<Libp2pEvents>()
  const transportManager = {
    getAddrs: () => listening.map(address => multiaddr(address))
  } as unknown as TransportManager
  const ports = new MappedPorts(asSeen(sim.host('alice')))
  const service = ports.service({ events, transportManager })
  const changes: (readonly string[])[] = []
  ports.onChange(() => changes.push(ports.list()))
  await service.start()
  await sim.clock.advance(1_050)
  return {
    sim,
    gateway,
    events,
    ports,
    service,
    changes,
    mapped: () => gateway.leases.map(each => each.protocol).sort()
  }
}

test('each port that is listened on is mapped once, over QUIC and TCP, and no other', async () => {
  const { sim, ports, service, mapped } = await setUp([
    '/ip4/192.168.1.10/udp/4001/quic-v1',
    '/ip4/10.9.8.7/udp/4001/quic-v1',
    '/ip4/192.168.1.10/tcp/4002',
    '/ip4/192.168.1.10/tcp/4003/ws',
    '/ip4/127.0.0.1/udp/4004/quic-v1',
    '/ip4/11.9.0.1/udp/4001/quic-v1/p2p/12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu/p2p-circuit'
  ])
  assert.deepEqual(mapped(), ['tcp', 'udp'])
  assert.deepEqual(ports.list().toSorted(), ['/ip4/11.1.0.10/tcp/4002', '/ip4/11.1.0.10/udp/4001/quic-v1'])
  assert.deepEqual(ports.mapped.map(({ protocol, by, scope }) => [protocol, by, scope]).toSorted(), [
    ['tcp', 'pcp', 'public'],
    ['udp', 'pcp', 'public']
  ])
  await sim.run(Promise.resolve(service.stop()))
  assert.deepEqual(mapped(), [], 'what was mapped is deleted at the end')
  assert.deepEqual(ports.list(), [])
})

test('ports follow the listeners, and each change is told', async () => {
  const listening: string[] = []
  const { sim, events, service, changes, mapped } = await setUp(listening)
  assert.deepEqual(mapped(), [])
  listening.push('/ip4/192.168.1.10/udp/4001/quic-v1')
  events.safeDispatchEvent('transport:listening')
  await sim.clock.advance(50)
  assert.deepEqual(changes, [['/ip4/11.1.0.10/udp/4001/quic-v1']])
  listening.pop()
  events.safeDispatchEvent('transport:close')
  await sim.clock.advance(50)
  assert.deepEqual(mapped(), [])
  assert.deepEqual(changes.at(-1), [])
  await sim.run(Promise.resolve(service.stop()))
})

test('who stops before it has begun asks nobody', async () => {
  const sim = createSim({ home: { mapping: 'endpoint-independent' }, alice: { behind: 'home' } })
  const gateway = await openGateway(sim, 'home', {})
  const transportManager = {
    getAddrs: () => [multiaddr('/ip4/192.168.1.10/udp/4001/quic-v1')]
  } as unknown as TransportManager
  const service = new MappedPorts(sim.host('alice')).service({
    events: new TypedEventEmitter<Libp2pEvents>(),
    transportManager
  })
  await service.start()
  await sim.clock.advance(500)
  await service.stop()
  await sim.clock.advance(10_000)
  assert.equal(gateway.counts.pcp.in, 0)
})

test('our network changes: the router of now is asked at once, and the same one too, which may have forgotten', async () => {
  let away = false
  const { sim, gateway, ports, service, changes } = await setUp(['/ip4/192.168.1.10/udp/4001/quic-v1'], alice =>
    replaced(alice, { gateways: async () => (away ? [] : await alice.gateways()) })
  )
  const asked = gateway.counts.pcp.in
  await sim.run(ports.networkChanged())
  await sim.clock.advance(50)
  assert.equal(gateway.counts.pcp.in, asked + 1)
  assert.equal(changes.length, 1, 'the same endpoint is no news')
  away = true
  await sim.run(ports.networkChanged())
  assert.deepEqual(ports.list(), [])
  away = false
  await sim.run(ports.networkChanged())
  await sim.clock.advance(50)
  assert.deepEqual(ports.list(), ['/ip4/11.1.0.10/udp/4001/quic-v1'])
  await sim.run(Promise.resolve(service.stop()))
  await ports.networkChanged()
})
