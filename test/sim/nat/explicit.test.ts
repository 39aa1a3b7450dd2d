import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpoint, Probe, PUBLIC } from './probe.ts'

const INSIDE = '192.168.1.10:5000'
const STRANGER = '11.3.0.10:9'
const easy = { mapping: 'endpoint-independent' } as const
const hard = { mapping: 'address-and-port-dependent', allocation: 'random' } as const
const request = (external?: string, lifetimeMs = 10_000, internal = INSIDE) => ({
  protocol: 'udp' as const,
  internal: endpoint(internal),
  ...(external && { external: endpoint(external) }),
  lifetimeMs
})

test('opens a port to everybody, until it ends; asked again, it is longer', () => {
  const probe = new Probe(hard)
  const view = probe.nat.addMapping(0, request(`${PUBLIC}:7000`))
  assert.deepEqual(view, {
    protocol: 'udp',
    internal: endpoint(INSIDE),
    external: endpoint(`${PUBLIC}:7000`),
    explicit: true,
    expiresAtMs: 10_000
  })
  assert.equal(probe.in(STRANGER, `${PUBLIC}:7000`), `inside ${STRANGER} > ${INSIDE}`)
  assert.equal(probe.out(INSIDE, STRANGER), `outside ${PUBLIC}:7000 > ${STRANGER}`)
  probe.nowMs = 9000
  assert.ok(probe.nat.addMapping(9000, request(`${PUBLIC}:7000`)))
  probe.nowMs = 18_999
  assert.equal(probe.in('11.4.0.10:1', `${PUBLIC}:7000`), `inside 11.4.0.10:1 > ${INSIDE}`)
  probe.nowMs = 200_000
  assert.equal(probe.in('11.4.0.10:1', `${PUBLIC}:7000`), 'drop no-mapping')
})

test('an endpoint that it was asked for is seen by it everywhere, even behind a NAT that maps by destination', () => {
  const probe = new Probe(hard)
  probe.nat.addMapping(0, request(`${PUBLIC}:7000`))
  for (let port = 1; port < 5; port++) assert.equal(probe.seenBy(INSIDE, `11.2.0.10:${port}`), `${PUBLIC}:7000`)
})

test('flows that are there keep their port, and so does what they are seen as', () => {
  const probe = new Probe(easy)
  assert.equal(probe.seenBy(INSIDE, '11.2.0.10:1'), `${PUBLIC}:5000`)
  probe.nat.addMapping(0, request(`${PUBLIC}:7000`))
  assert.equal(probe.seenBy(INSIDE, '11.2.0.10:1'), `${PUBLIC}:5000`)
  assert.equal(probe.seenBy(INSIDE, '11.2.0.10:2'), `${PUBLIC}:5000`)
  // who came by the new one is answered by it
  probe.in(STRANGER, `${PUBLIC}:7000`)
  assert.equal(probe.out(INSIDE, STRANGER), `outside ${PUBLIC}:7000 > ${STRANGER}`)
})

test('without a wish: the port inside, or what is free', () => {
  const probe = new Probe(easy)
  assert.equal(probe.nat.addMapping(0, request())?.external.port, 5000)
  assert.equal(probe.nat.addMapping(0, request())?.external.port, 5000, 'the same when asked again')
  assert.equal(probe.nat.addMapping(0, request(undefined, 10_000, '192.168.1.11:5000'))?.external.port, 5001)
})

test("what is another's is not given away, whether by request or by a packet", () => {
  const probe = new Probe(easy)
  probe.nat.addMapping(0, request(`${PUBLIC}:7000`))
  assert.equal(probe.nat.addMapping(0, request(`${PUBLIC}:7000`, 10_000, '192.168.1.11:5000')), undefined)
  assert.equal(probe.seenBy('192.168.1.12:7000', STRANGER), `${PUBLIC}:7001`)
  assert.equal(probe.nat.addMapping(0, request(`${PUBLIC}:7001`)), undefined)
})

test('deleted, it lives on with its flows, and is closed to others', () => {
  const probe = new Probe(easy)
  probe.nat.addMapping(0, request(`${PUBLIC}:7000`))
  assert.equal(probe.nat.removeMapping(0, 'udp', endpoint(`${PUBLIC}:7001`)), false)
  assert.equal(probe.nat.removeMapping(0, 'tcp', endpoint(`${PUBLIC}:7000`)), false)
  probe.in(STRANGER, `${PUBLIC}:7000`)
  assert.equal(probe.nat.removeMapping(0, 'udp', endpoint(`${PUBLIC}:7000`)), true)
  assert.equal(probe.nat.removeMapping(0, 'udp', endpoint(`${PUBLIC}:7000`)), false)
  assert.equal(probe.in('11.4.0.10:1', `${PUBLIC}:7000`), 'drop filtered')
  assert.equal(probe.out(INSIDE, STRANGER), `outside ${PUBLIC}:7000 > ${STRANGER}`)
  const idle = new Probe(easy)
  idle.nat.addMapping(0, request(`${PUBLIC}:7000`))
  idle.nat.removeMapping(0, 'udp', endpoint(`${PUBLIC}:7000`))
  assert.deepEqual(idle.nat.mappings(0), [])
})

test('a pinhole in a firewall is the inside endpoint itself', () => {
  const probe = new Probe({ mapping: 'none' }, [])
  const inside = '[2a0b:beef:1:1::10]:5000'
  const remote = '[2a0b:beef:2::10]:9'
  assert.equal(probe.in(remote, inside), 'drop no-mapping')
  const view = probe.nat.addMapping(0, request(undefined, 10_000, inside))
  assert.deepEqual(view?.external, endpoint(inside))
  assert.equal(probe.in(remote, inside), `inside ${remote} > ${inside}`)
})

test('an explicit mapping answers who comes by it, where inbound packets refresh nothing', () => {
  const probe = new Probe({ ...hard, inboundRefresh: false })
  probe.nat.addMapping(0, request(`${PUBLIC}:7000`))
  probe.in(STRANGER, `${PUBLIC}:7000`)
  assert.equal(probe.out(INSIDE, STRANGER), `outside ${PUBLIC}:7000 > ${STRANGER}`)
})
