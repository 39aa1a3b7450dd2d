import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openGateway } from '../../../src/sim/gateway/index.ts'
import { createSim } from '../../../src/sim/index.ts'
import { decodeNatPmpResponse, encodeNatPmpRequest, type NatPmpRequest } from '../../../src/wire/natpmp.ts'
import { PCP_CLIENT_PORT, PCP_SERVER_PORT } from '../../../src/wire/pcp/codes.ts'
import { decodePcpResponse, encodePcpRequest, refusedVersion } from '../../../src/wire/pcp/message.ts'
import { bytes, exchange, text } from '../udp.ts'
import { home, mapRequest, NONCE } from './home.ts'

test('PCP: a mapping opens a port of the router to everybody, until it is deleted', async () => {
  using sim = createSim(home)
  const { alice, server, gateway, ask } = await start(sim)
  const inside = await alice.udp({ family: 4, port: 4001 })
  const heard: string[] = []
  inside.onPacket(packet => heard.push(text(packet)))
  const given = decodePcpResponse(await ask(encodePcpRequest(mapRequest(alice.ip, { lifetimeSeconds: 600 }))))
  assert.deepEqual(given, {
    opcode: 'MAP',
    result: 'SUCCESS',
    lifetimeSeconds: 600,
    epochSeconds: 0,
    map: { nonce: NONCE, protocol: 17, internalPort: 4001, externalPort: 4001, externalAddress: '11.1.0.10' }
  })
  const outside = await server.udp({ family: 4 })
  outside.send({ bytes: bytes('hello'), to: { address: '11.1.0.10', port: 4001 } })
  await sim.clock.advance(10)
  assert.deepEqual(heard, ['hello'])

  await ask(encodePcpRequest(mapRequest(alice.ip, { lifetimeSeconds: 0 })))
  assert.deepEqual(gateway.leases, [])
  // the flow that passed lives on, as in other NATs: somebody else tries
  const stranger = await server.udp({ family: 4 })
  stranger.send({ bytes: bytes('again'), to: { address: '11.1.0.10', port: 4001 } })
  await sim.clock.advance(10)
  assert.deepEqual(heard, ['hello'])
  assert.deepEqual(gateway.counts.pcp, { in: 2, out: 2 })
})

test('PCP: who does not know the nonce can neither renew nor delete', async () => {
  using sim = createSim(home)
  const { alice, gateway, ask } = await start(sim)
  await ask(encodePcpRequest(mapRequest(alice.ip, {})))
  const stranger = { nonce: new Uint8Array(12), lifetimeSeconds: 0 }
  assert.equal(decodePcpResponse(await ask(encodePcpRequest(mapRequest(alice.ip, stranger)))).result, 'NOT_AUTHORIZED')
  assert.equal(gateway.leases.length, 1)
})

test('PCP: a taken port is refused to who insists on it, and another one is given to who does not', async () => {
  using sim = createSim(home)
  const { alice, gateway, ask } = await start(sim)
  gateway.setFaults({ takenPorts: [4001] })
  const insists = { externalPort: 4001, options: [{ option: 'PREFER_FAILURE' }] } as const
  const refused = decodePcpResponse(await ask(encodePcpRequest(mapRequest(alice.ip, insists))))
  assert.equal(refused.result, 'CANNOT_PROVIDE_EXTERNAL')
  await ask(encodePcpRequest(mapRequest(alice.ip, {})))
  assert.deepEqual(
    gateway.leases.map(({ external }) => external.port),
    [4002]
  )
})

for (const [what, faults, expected] of [
  ['refuses', { refusal: { pcp: 'NOT_AUTHORIZED' } }, { result: 'NOT_AUTHORIZED', lifetimeSeconds: 1800 }],
  ['gives another port', { otherPort: true }, { result: 'SUCCESS', port: 4002 }],
  ['lies of its address', { externalAddress: '10.0.0.1' }, { result: 'SUCCESS', address: '10.0.0.1' }],
  ['grants nothing', { lifetimeSeconds: 0 }, { result: 'SUCCESS', lifetimeSeconds: 0 }],
  ['lies of its epoch', { epochSeconds: 77 }, { result: 'SUCCESS', epochSeconds: 77 }],
  ['answers with another nonce', { wrongNonce: true }, { nonce: NONCE.map(byte => byte ^ 0xff) }]
] as const) {
  test(`PCP: a gateway that ${what}`, async () => {
    using sim = createSim(home)
    const { alice, gateway, ask } = await start(sim)
    gateway.setFaults(faults)
    const answer = decodePcpResponse(await ask(encodePcpRequest(mapRequest(alice.ip, {}))))
    assert.ok(answer.opcode === 'MAP' && 'map' in answer)
    const { externalPort: port, externalAddress: address, nonce } = answer.map
    const told: Record<string, unknown> = { ...answer, port, address, nonce }
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(told[key], value, key)
  })
}

test('a slow gateway answers late, a silent one not at all', async () => {
  using sim = createSim(home)
  const { alice, gateway, ask } = await start(sim)
  gateway.setFaults({ answerMs: 700 })
  await ask(encodePcpRequest(mapRequest(alice.ip, {})))
  assert.equal(sim.clock.now(), 700)
  gateway.setFaults({ silent: true })
  await assert.rejects(ask(encodePcpRequest(mapRequest(alice.ip, {}))), /nothing is under way/)
  assert.deepEqual(gateway.counts.pcp, { in: 2, out: 1 })
})

test('NAT-PMP: address, mapping, and a gateway that knows no PCP', async () => {
  using sim = createSim(home)
  const { alice, gateway, ask } = await start(sim, { pcp: false })
  const asked = async (request: NatPmpRequest) => decodeNatPmpResponse(await ask(encodeNatPmpRequest(request)))
  assert.deepEqual(await asked({ opcode: 'address' }), {
    opcode: 'address',
    result: 'SUCCESS',
    epochSeconds: 0,
    externalAddress: '11.1.0.10'
  })
  const request = { opcode: 'tcp', internalPort: 80, externalPort: 8080, lifetimeSeconds: 100_000 } as const
  assert.deepEqual(await asked(request), { ...request, result: 'SUCCESS', lifetimeSeconds: 7200, epochSeconds: 0 })
  assert.equal(gateway.leases.length, 1)
  await asked({ opcode: 'tcp', internalPort: 0, externalPort: 0, lifetimeSeconds: 0 })
  assert.equal(gateway.leases.length, 0)
  assert.equal(refusedVersion(await ask(encodePcpRequest(mapRequest(alice.ip, {})))), 0)
})

test('a gateway that restarts forgets all, counts anew, and says so', async () => {
  using sim = createSim(home)
  const { alice, gateway, ask } = await start(sim)
  await ask(encodePcpRequest(mapRequest(alice.ip, {})))
  await sim.clock.advance(60_000)
  const heard: unknown[] = []
  const socket = await alice.udp({ family: 4, port: PCP_CLIENT_PORT, groups: ['224.0.0.1'] })
  socket.onPacket((packet, from) => heard.push([packet[0], from.port]))
  gateway.reboot()
  await sim.clock.advance(10)
  assert.deepEqual(heard, [
    [2, PCP_SERVER_PORT],
    [0, PCP_SERVER_PORT]
  ])
  assert.deepEqual(gateway.leases, [])
  const { epochSeconds } = decodePcpResponse(await ask(encodePcpRequest(mapRequest(alice.ip, {}))))
  assert.equal(epochSeconds, 0)
})

test('IPv6: PCP opens a pinhole in the firewall', async () => {
  using sim = createSim({ ...home, alice: { behind: 'home', ipv6: true }, server: { ipv6: true } })
  const { alice, server } = await start(sim)
  const inside = await alice.udp({ family: 6, port: 4001 })
  const heard: string[] = []
  inside.onPacket(packet => heard.push(text(packet)))
  const outside = await server.udp({ family: 6 })
  const knock = async () => {
    outside.send({ bytes: bytes('knock'), to: { address: alice.ip6!, port: 4001 } })
    await sim.clock.advance(10)
    return heard.length
  }
  assert.equal(await knock(), 0)
  const socket = await alice.udp({ family: 6 })
  const to = { address: sim.host('home').ip6!, port: PCP_SERVER_PORT }
  const request = mapRequest(alice.ip6!, { externalAddress: '::' })
  const answer = decodePcpResponse(await sim.run(exchange(socket, encodePcpRequest(request), to)))
  assert.ok(answer.opcode === 'MAP' && 'map' in answer)
  assert.equal(answer.map.externalAddress, alice.ip6)
  assert.equal(await knock(), 1)
})

async function start(sim: ReturnType<typeof createSim>, options = {}) {
  const alice = sim.host('alice')
  const gateway = await openGateway(sim, 'home', options)
  const ask = async (request: Uint8Array) => {
    const socket = await alice.udp({ family: 4 })
    return await sim.run(exchange(socket, request, { address: '192.168.1.1', port: PCP_SERVER_PORT }))
  }
  return { alice, server: sim.host('server'), gateway, ask }
}
