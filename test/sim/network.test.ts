import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim } from '../../src/sim/index.ts'
import { answering, ask } from './udp.ts'

const easy = { mapping: 'endpoint-independent' } as const

test('a packet passes a NAT and the answer comes back, after the delays of all links', async () => {
  using sim = createSim({
    server: {},
    natA: { ...easy, link: { delayMs: 20 } },
    alice: { behind: 'natA', link: { delayMs: 5 } }
  })
  const [server, alice] = [sim.host('server'), sim.host('alice')]
  await answering(server, 3478)
  const socket = await alice.udp({ family: 4, port: 5000 })
  const { seen, atMs } = await sim.run(ask(alice, socket, { address: server.ip, port: 3478 }))
  assert.deepEqual(seen, `${sim.host('natA').publicIp}:5000`)
  assert.equal(atMs, 50)
})

test('neighbours talk without their router', async () => {
  using sim = createSim({ a: { behind: 'nat' }, nat: easy, b: { behind: 'nat' } })
  await answering(sim.host('b'), 7)
  const socket = await sim.host('a').udp({ family: 4 })
  const { seen } = await sim.run(ask(sim.host('a'), socket, { address: sim.host('b').ip, port: 7 }))
  assert.equal(seen, `${sim.host('a').ip}:${socket.local.port}`)
})

test("two NATs in a row: the inner network is the outer NAT's", async () => {
  using sim = createSim({ server: {}, carrier: easy, home: { ...easy, behind: 'carrier' }, alice: { behind: 'home' } })
  await answering(sim.host('server'), 7)
  const socket = await sim.host('alice').udp({ family: 4, port: 5000 })
  const { seen } = await sim.run(ask(sim.host('alice'), socket, { address: sim.host('server').ip, port: 7 }))
  assert.equal(seen, '11.2.0.10:5000')
  assert.equal(sim.host('alice').publicIp, '11.2.0.10')
})
