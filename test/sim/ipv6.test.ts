import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim } from '../../src/sim/index.ts'
import { answering, ask, bytes } from './udp.ts'

const easy = { mapping: 'endpoint-independent' } as const
const never = new AbortController().signal

test('IPv6 is filtered, not translated', async () => {
  using sim = createSim({ nat: easy, alice: { behind: 'nat', ipv6: true }, server: { ipv6: true } })
  const [alice, server] = [sim.host('alice'), sim.host('server')]
  const heard: string[] = []
  const inside = await alice.udp({ family: 6, port: 4000 })
  inside.onPacket((_, from) => heard.push(from.address))
  const outside = await server.udp({ family: 6 })
  outside.send({ bytes: bytes('unasked'), to: { address: alice.ip6!, port: 4000 } })
  await sim.clock.advance(10)
  assert.deepEqual(heard, [])
  await answering(server, 1000, server.ip6!)
  const { seen } = await sim.run(ask(alice, inside, { address: server.ip6!, port: 1000 }))
  assert.equal(seen, `${alice.ip6}:4000`)
})

test('NAT66: a host has a private IPv6 address, and its router a public one', async () => {
  using sim = createSim({ nat: { ...easy, nat66: true }, alice: { behind: 'nat', ipv6: true }, server: { ipv6: true } })
  const [alice, server] = [sim.host('alice'), sim.host('server')]
  assert.match(alice.ip6!, /^fd00:/)
  await answering(server, 1000, server.ip6!)
  const socket = await alice.udp({ family: 6, port: 4000 })
  const { seen } = await sim.run(ask(alice, socket, { address: server.ip6!, port: 1000 }))
  assert.equal(seen, '2a0b:beef:1::10:4000')
})

test('NAT64: a host without IPv4 finds the prefix, and reaches IPv4 servers by name and by address', async () => {
  using sim = createSim({
    nat: { ...easy, nat64: true },
    alice: { behind: 'nat', ipv6: true, ipv4: false },
    server: {}
  })
  const [alice, server] = [sim.host('alice'), sim.host('server')]
  sim.names.set('server.example', [server.ip])
  assert.deepEqual(await sim.run(alice.resolve('ipv4only.arpa', 6, never)), ['64:ff9b::c000:aa', '64:ff9b::c000:ab'])
  const [address = ''] = await sim.run(alice.resolve('server.example', 6, never))
  assert.equal(address, '64:ff9b::b03:a')
  await answering(server, 1000)
  const socket = await alice.udp({ family: 6, port: 4000 })
  const { seen } = await sim.run(ask(alice, socket, { address, port: 1000 }))
  assert.equal(seen, '11.1.0.10:4000')
  await assert.rejects(sim.run(alice.tcp({ address: server.ip, port: 1000 }, { signal: never })), {
    code: 'NO_NETWORK',
    message: /no way/
  })
})

test('names: addresses of a family, none for what nobody has, after the time that they take', async () => {
  using sim = createSim({ alice: {} })
  sim.names.answerMs = 30
  sim.names.set('Both.example', ['11.1.0.10', '2a0b:beef:1::10'])
  const resolve = (name: string, family: 4 | 6) => sim.run(sim.host('alice').resolve(name, family, never))
  assert.deepEqual(await resolve('both.example', 4), ['11.1.0.10'])
  assert.deepEqual(await resolve('both.example', 6), ['2a0b:beef:1::10'])
  assert.deepEqual(await resolve('nobody.example', 4), [])
  assert.deepEqual(await resolve('ipv4only.arpa', 6), [])
  assert.equal(sim.clock.now(), 120)
})
