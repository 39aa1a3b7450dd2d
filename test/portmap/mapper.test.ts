import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetHost } from '../../src/core/net.ts'
import type { PortMapperEvents } from '../../src/portmap/index.ts'
import type { GatewayOptions } from '../../src/sim/gateway/index.ts'
import { isReached, openHome, replaced } from './home.ts'

const UDP = { protocol: 'udp', internalPort: 4001 } as const
const HOUR_MS = 3_600_000
const PCP: GatewayOptions = { natPmp: false, upnp: false }
const NAT_PMP: GatewayOptions = { pcp: false, upnp: false }
const UPNP1: GatewayOptions = { pcp: false, natPmp: false, upnp: 1 }
const UPNP2: GatewayOptions = { pcp: false, natPmp: false, upnp: 2 }

for (const [by, options, withinMs] of [
  ['pcp', PCP, 10],
  ['nat-pmp', NAT_PMP, 10],
  ['upnp', UPNP1, 4_000],
  ['upnp', UPNP2, 4_000],
  ['pcp', {}, 10]
] as const) {
  test(`mapped by ${by} of a router with ${JSON.stringify(options)}, kept for a day, deleted at the end`, async () => {
    const { sim, gateway, alice, server, mapper, told } = await openHome(options)
    assert.equal(await isReached(sim, server, alice, { address: '11.1.0.10', port: 4001 }), false)
    mapper.map(UDP)
    await sim.clock.advance(withinMs)
    assert.deepEqual(told, [`mapped udp ${by} 11.1.0.10:4001`])
    assert.equal(gateway.leases.length, 1)
    for (let hours = 0; hours < 24; hours++) {
      assert.ok(await isReached(sim, server, alice, { address: '11.1.0.10', port: 4001 }), `after ${hours} h`)
      await sim.clock.advance(HOUR_MS)
    }
    assert.equal(told.length, 1)
    await sim.run(mapper.stop())
    assert.deepEqual(gateway.leases, [])
    gateway.close()
    sim.close()
    assert.equal(sim.clock.pending, 0, 'no timer is left')
  })
}

test('both protocols at once, and ports that are closed by themselves', async () => {
  const { sim, gateway, mapper, told } = await openHome({})
  mapper.map({ protocol: 'tcp', internalPort: 80 })
  const udp = mapper.map(UDP)
  await sim.clock.advance(10)
  assert.deepEqual(told.toSorted(), ['mapped tcp pcp 11.1.0.10:80', 'mapped udp pcp 11.1.0.10:4001'])
  await sim.run(udp.close())
  assert.deepEqual(
    gateway.leases.map(({ protocol }) => protocol),
    ['tcp']
  )
  await sim.run(mapper.stop())
  assert.throws(() => mapper.map(UDP), { code: 'LINK_CLOSED' })
})

test('packets: a mapping by PCP is a question and an answer, and UPnP is not asked', async () => {
  const { sim, gateway, mapper } = await openHome({})
  mapper.map(UDP)
  await sim.clock.advance(60_000)
  assert.deepEqual(gateway.counts.pcp, { in: 1, out: 1 })
  assert.equal(gateway.counts.http.in, 0)
  await sim.run(mapper.stop())
  assert.deepEqual(gateway.counts.pcp, { in: 2, out: 2 })
})

test('packets: with NAT-PMP it is PCP first, then the address and the mapping', async () => {
  const { sim, gateway, mapper } = await openHome(NAT_PMP)
  mapper.map(UDP)
  await sim.clock.advance(60_000)
  assert.deepEqual(gateway.counts.natPmp, { in: 3, out: 3 })
  await sim.clock.advance(HOUR_MS)
  // a renewal knows what the router speaks
  assert.deepEqual(gateway.counts.natPmp, { in: 5, out: 5 })
  await sim.run(mapper.stop())
})

for (const [what, options] of [
  ['PCP', PCP],
  ['NAT-PMP', NAT_PMP],
  ['UPnP', UPNP1]
] as const) {
  test(`${what}: a router that restarts and says so has the mapping again at once`, async () => {
    const { sim, gateway, alice, server, mapper, told } = await openHome(options)
    mapper.map(UDP)
    await sim.clock.advance(60_000)
    // UPnP: a first notification, to compare the next with
    gateway.reboot()
    await sim.clock.advance(60_000)
    gateway.reboot()
    assert.deepEqual(gateway.leases, [])
    await sim.clock.advance(5_000)
    assert.equal(gateway.leases.length, 1)
    assert.ok(await isReached(sim, server, alice, { address: '11.1.0.10', port: 4001 }))
    assert.equal(told.length, 1, 'the same endpoint is no news')
    await sim.run(mapper.stop())
  })
}

test('a restart that nobody announced is seen by the epoch, for all mappings', async () => {
  const { sim, gateway, mapper } = await openHome({ ...PCP, faults: { epochSeconds: 100_000 } })
  mapper.map(UDP)
  await sim.clock.advance(10)
  gateway.setFaults({ epochSeconds: 5 })
  // the second mapping's answer tells that the first one is gone, too
  mapper.map({ protocol: 'tcp', internalPort: 80 })
  const before = gateway.counts.pcp.in
  await sim.clock.advance(10)
  assert.equal(gateway.counts.pcp.in, before + 2)
  await sim.run(mapper.stop())
})

test('a router whose epoch jumps all the time is not asked all the time', async () => {
  const { sim, gateway, mapper } = await openHome(PCP)
  mapper.map(UDP)
  await sim.clock.advance(1_000)
  for (let i = 0; i < 600; i++) {
    gateway.reboot()
    await sim.clock.advance(1_000)
  }
  assert.ok(gateway.counts.pcp.in <= 20, `${gateway.counts.pcp.in} requests in ten minutes`)
  await sim.run(mapper.stop())
})

for (const [what, options, reason] of [
  ['PCP', { ...PCP, faults: { refusal: { pcp: 'NOT_AUTHORIZED' } } }, 'disabled'],
  ['NAT-PMP', { ...NAT_PMP, faults: { refusal: { natPmp: 'NOT_AUTHORIZED' } } }, 'disabled'],
  ['UPnP 606', { ...UPNP1, faults: { refusal: { upnp: 606 } } }, 'disabled'],
  ['UPnP 401', { ...UPNP2, faults: { refusal: { upnp: 401 } } }, 'disabled'],
  ['PCP', { ...PCP, faults: { refusal: { pcp: 'NO_RESOURCES' } } }, 'no-resources'],
  ['PCP', { ...PCP, faults: { refusal: { pcp: 'ADDRESS_MISMATCH' } } }, 'address-mismatch'],
  ['UPnP, every port', { ...UPNP1, faults: { refusal: { upnp: 718 } } }, 'conflict'],
  ['nothing', { pcp: false, natPmp: false, upnp: false }, 'no-answer'],
  ['all, and in silence', { faults: { silent: true } }, 'no-answer'],
  ['PCP, with an answer to somebody else', { ...PCP, faults: { wrongNonce: true } }, 'no-answer']
] as const satisfies readonly (readonly [string, GatewayOptions, string])[]) {
  test(`a router that refuses by ${what}: ${reason}`, async () => {
    const { sim, gateway, mapper, told } = await openHome(options)
    mapper.map(UDP)
    await sim.clock.advance(20_000)
    assert.deepEqual(told, [`failed udp ${reason}`])
    gateway.setFaults({})
    // it goes on trying, after half an hour at the latest; what does not answer stays away
    await sim.clock.advance(31 * 60_000)
    const speaks =
      options !== undefined && !(options.pcp === false && options.natPmp === false && options.upnp === false)
    assert.equal(told.length, speaks ? 2 : 1, told.join())
    await sim.run(mapper.stop())
    assert.deepEqual(gateway.leases, [])
  })
}

for (const [what, options] of [
  ['UPnP 1', UPNP1],
  ['UPnP 2', UPNP2],
  ['PCP', PCP],
  ['NAT-PMP', NAT_PMP]
] as const) {
  test(`${what}: a port that is somebody else's is mapped as another one`, async () => {
    const { sim, alice, server, mapper, told } = await openHome({ ...options, faults: { takenPorts: [4001] } })
    mapper.map(UDP)
    await sim.clock.advance(5_000)
    assert.equal(told.length, 1)
    const port = Number(/:(\d+)$/.exec(told[0]!)?.[1])
    assert.notEqual(port, 4001)
    assert.ok(await isReached(sim, server, alice, { address: '11.1.0.10', port }))
    await sim.clock.advance(HOUR_MS)
    assert.equal(told.length, 1, 'and stays so')
    await sim.run(mapper.stop())
  })
}

test('a router that gives another port than asked for is taken at its word', async () => {
  const { sim, mapper, told } = await openHome({ ...PCP, faults: { otherPort: true } })
  mapper.map(UDP)
  await sim.clock.advance(10)
  assert.deepEqual(told, ['mapped udp pcp 11.1.0.10:4002'])
  await sim.run(mapper.stop())
})

test('a router that knows no leases: for good, looked after, and deleted at the end', async () => {
  const { sim, gateway, mapper, told } = await openHome({ ...UPNP1, faults: { permanentOnly: true } })
  const mapped: PortMapperEvents['mapped'][] = []
  mapper.events.on('mapped', event => mapped.push(event))
  mapper.map(UDP)
  await sim.clock.advance(5_000)
  assert.equal(mapped[0]?.lifetimeSeconds, null)
  assert.equal(gateway.leases[0]?.expiresAtMs, Number.POSITIVE_INFINITY)
  gateway.reboot()
  await sim.clock.advance(3 * HOUR_MS)
  assert.equal(gateway.leases.length, 1)
  assert.equal(told.length, 1)
  await sim.run(mapper.stop())
  assert.deepEqual(gateway.leases, [])
})

for (const [externalAddress, scope] of [
  ['10.0.0.7', 'private'],
  ['100.64.0.7', 'private'],
  ['11.1.0.10', 'public']
] as const) {
  test(`a router that calls ${externalAddress} its own outside: mapped, and ${scope}`, async () => {
    const { sim, mapper } = await openHome({ ...PCP, faults: { externalAddress } })
    const scopes: string[] = []
    mapper.events.on('mapped', mapped => scopes.push(mapped.scope))
    mapper.map(UDP)
    await sim.clock.advance(10)
    assert.deepEqual(scopes, [scope])
    await sim.run(mapper.stop())
  })
}

for (const options of [PCP, NAT_PMP, UPNP1]) {
  test(`a router without an address outside: ${JSON.stringify(options)}`, async () => {
    const { sim, mapper, told } = await openHome({ ...options, faults: { externalAddress: '0.0.0.0' } })
    mapper.map(UDP)
    await sim.clock.advance(20_000)
    assert.deepEqual(told, ['failed udp no-external-address'])
    await sim.run(mapper.stop())
  })
}

test('a router that grants nothing is asked every half minute or so, not more', async () => {
  const { sim, gateway, mapper } = await openHome({ ...PCP, faults: { lifetimeSeconds: 0 } })
  mapper.map(UDP)
  await sim.clock.advance(600_000)
  assert.ok(gateway.counts.pcp.in <= 41, `${gateway.counts.pcp.in}`)
  await sim.run(mapper.stop())
})

test('a router that goes: the mapping is lost when it has run out, and back when the router is', async () => {
  const { sim, gateway, mapper, told } = await openHome(PCP)
  mapper.map(UDP)
  await sim.clock.advance(10)
  gateway.setFaults({ silent: true })
  await sim.clock.advance(HOUR_MS + 30_000)
  assert.deepEqual(told.slice(1), ['lost udp pcp 11.1.0.10:4001', 'failed udp no-answer'])
  gateway.setFaults({})
  await sim.clock.advance(HOUR_MS)
  assert.deepEqual(told.slice(3), ['mapped udp pcp 11.1.0.10:4001'])
  await sim.run(mapper.stop())
})

test('leaving takes two seconds at most, whatever the router does', async () => {
  for (const options of [PCP, UPNP1]) {
    const { sim, gateway, mapper, told } = await openHome(options)
    mapper.map(UDP)
    await sim.clock.advance(5_000)
    assert.equal(told.length, 1)
    gateway.setFaults({ silent: true })
    await sim.run(mapper.stop(), 2_100)
    gateway.close()
    sim.close()
    assert.equal(sim.clock.pending, 0)
  }
})

test('stopped while it still looks for a router: nothing is left, and nothing told', async () => {
  for (const atMs of [0, 1, 300, 1_500, 3_000]) {
    const { sim, gateway, mapper, told } = await openHome({ pcp: false, natPmp: false, upnp: false })
    mapper.map(UDP)
    await sim.clock.advance(atMs)
    await sim.run(mapper.stop(), 2_100)
    gateway.close()
    sim.close()
    assert.equal(sim.clock.pending, 0, `at ${atMs} ms`)
    assert.deepEqual(told, [])
  }
})

test('without a router there is nothing to ask', async () => {
  const { sim, mapper, told } = await openHome({}, {}, alice => replaced(alice, { gateways: async () => [] }))
  mapper.map(UDP)
  await sim.clock.advance(10)
  assert.deepEqual(told, ['failed udp no-gateway', 'failed udp no-gateway'], 'once for each family')
  await sim.run(mapper.stop())
})

test('another network: the mapping is lost and made anew; the same network: nothing', async () => {
  let away = false
  const { sim, mapper, told, gateway } = await openHome(PCP, { families: [4] }, alice =>
    replaced(alice, { gateways: async () => (away ? [] : await alice.gateways()) })
  )
  mapper.map(UDP)
  await sim.clock.advance(10)
  await mapper.refresh()
  assert.equal(gateway.counts.pcp.in, 1)
  away = true
  await mapper.refresh()
  await sim.clock.advance(10)
  assert.deepEqual(told.slice(1), ['lost udp pcp 11.1.0.10:4001', 'failed udp no-gateway'])
  away = false
  await mapper.refresh()
  await sim.clock.advance(10)
  assert.deepEqual(told.slice(3), ['mapped udp pcp 11.1.0.10:4001'])
  await sim.run(mapper.stop())
})

/** A host that comes to another network when `go` is called, and how many sockets of it are open. */
function movable(alice: NetHost) {
  let name = 'home'
  const sockets = { open: 0 }
  const host = replaced(alice, {
    gateways: async () => (await alice.gateways()).map(gateway => ({ ...gateway, interface: name })),
    addresses: () => alice.addresses().map(address => ({ ...address, name })),
    async udp(options) {
      const socket = await alice.udp(options)
      sockets.open++
      let open = true
      const close = () => {
        if (open) sockets.open--
        open = false
        socket.close()
      }
      return { ...socket, close }
    }
  })
  const go = (to: string) => {
    name = to
  }
  return { host, sockets, go }
}

test('another network is noticed within half a minute', async () => {
  let go = (_: string) => {}
  const { sim, mapper, told } = await openHome(PCP, { families: [4] }, alice => {
    const moved = movable(alice)
    go = moved.go
    return moved.host
  })
  mapper.map(UDP)
  await sim.clock.advance(60_000)
  assert.equal(told.length, 1)
  go('away')
  await sim.clock.advance(30_100)
  assert.deepEqual(told.slice(1), ['lost udp pcp 11.1.0.10:4001', 'mapped udp pcp 11.1.0.10:4001'])
  await sim.run(mapper.stop())
})

test('another network while the router of the old one is asked: the new one is asked next, not a minute later', async () => {
  let go = (_: string) => {}
  const options = { ...PCP, faults: { answerMs: 200 } }
  const { sim, mapper, told } = await openHome(options, { families: [4] }, alice => {
    const moved = movable(alice)
    go = moved.go
    return moved.host
  })
  mapper.map(UDP)
  await sim.clock.advance(100)
  go('away')
  await mapper.refresh()
  await sim.clock.advance(5_000)
  assert.deepEqual(told, ['mapped udp pcp 11.1.0.10:4001'])
  await sim.run(mapper.stop())
})

test('two mappings that find another router at the same time: no socket is left open', async () => {
  let moved: ReturnType<typeof movable> | undefined
  const options = { ...PCP, faults: { refusal: { pcp: 'NOT_AUTHORIZED' } } } as const
  const { sim, gateway, mapper } = await openHome(options, { families: [4] }, alice => {
    moved = movable(alice)
    return moved.host
  })
  mapper.map(UDP)
  mapper.map({ protocol: 'tcp', internalPort: 4001 })
  await sim.clock.advance(10_000)
  const before = moved!.sockets.open
  moved!.go('away')
  // both hear it in one moment, and neither has anything to renew
  gateway.reboot()
  await sim.clock.advance(10_000)
  assert.equal(moved!.sockets.open, before)
  await sim.run(mapper.stop())
  assert.equal(moved!.sockets.open, 0)
})

for (const [by, options] of [
  ['pcp', PCP],
  ['upnp', UPNP2]
] as const) {
  test(`IPv6: a pinhole by ${by}, kept for a day and through a restart, and closed at the end`, async () => {
    const { sim, gateway, alice, server, mapper, told } = await openHome(options, { families: [6] })
    const way = { address: alice.ip6!, port: 4001 }
    assert.equal(await isReached(sim, server, alice, way), false)
    mapper.map(UDP)
    await sim.clock.advance(5_000)
    assert.deepEqual(told, [`mapped udp ${by} ${alice.ip6}:4001`])
    for (let hours = 0; hours < 24; hours++) {
      if (hours === 12) gateway.reboot()
      await sim.clock.advance(HOUR_MS)
      assert.ok(await isReached(sim, server, alice, way), `after ${hours} h`)
    }
    assert.equal(told.length, 1)
    await sim.run(mapper.stop())
    assert.deepEqual(gateway.leases, [])
    sim.flushNat('home')
    assert.equal(await isReached(sim, server, alice, way), false)
  })
}

test('IPv6: two pinholes of a router that was looked for twice at once are both closed at the end', async () => {
  const options = { ...UPNP2, faults: { answerMs: 600 } }
  const { sim, gateway, mapper, told } = await openHome(options, { families: [6] })
  mapper.map(UDP)
  // while the first one still looks
  await sim.clock.advance(500)
  mapper.map({ protocol: 'udp', internalPort: 4002 })
  await sim.clock.advance(10_000)
  assert.equal(told.length, 2)
  assert.equal(gateway.leases.length, 2)
  await sim.run(mapper.stop())
  assert.deepEqual(gateway.leases, [])
})
